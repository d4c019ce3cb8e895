package import Addressing
import CNetlink
package import DataplaneModel
import Glibc
import HostFacts
package import Netlink
import XTables

/// Our virtual servers of one family, and the real servers behind them.
///
/// Which ones are ours is written in the kernel: they carry a signature in their flags. All others
/// are foreign and never listed, changed or deleted, but for those that lost the signature; see
/// `VirtualServerStore+Ownership.swift`. Works in the network namespace of the calling thread, which
/// must be the dataplane thread.
///
/// Real servers for TCP and SCTP, and those of a server by mark, end gracefully: they take no new
/// connections and are deleted when the last one has ended or the drain timeout is over. That, too,
/// is written in the kernel, so that another store goes on where this one ends.
package final class VirtualServerStore {
    package let family: IPFamily
    let ownership: Ownership
    private let excluded: [IPPrefix]
    /// The one that all virtual servers have unless their Service asks for another.
    private let defaultScheduler: SchedulerName?
    private let drainTimeout: Duration
    let traffic: NetlinkTraffic
    private var socket: IPVSSocket?
    /// Virtual servers that this store created, less those that it deleted.
    private(set) var made = 0
    /// Virtual servers that this store made or saw with the signature, and that were not deleted
    /// since as far as it saw.
    var known: Set<VirtualServer.Key> = []
    /// Another service proxy on this host, as of the present change; nil before it was looked for.
    var rival: Rival??
    /// What drains, as far as this store has seen or begun it.
    var drains: [VirtualServer.Key: Drain] = [:]
    /// Virtual servers whose scheduler would refuse clients while a real server drains.
    private var impatient: Set<VirtualServer.Key> = []
    /// Virtual servers that this round of inspections has not come to yet.
    private var uninspected: [VirtualServer.Key] = []
    /// How many virtual servers one inspection asks about, each two requests of some 50 µs.
    private static let inspected = 25

    var hasDrains: Bool { !drains.isEmpty }

    /// A virtual server with draining real servers.
    struct Drain {
        /// It is there only for them.
        var isGoingAway = false
        var realServers: Set<RealServer.Key> = []
    }

    /// Virtual servers with addresses in `excluded` are foreign whoever made them. With a
    /// `drainTimeout` of zero all real servers are deleted at once.
    package init(
        family: IPFamily,
        ownership: Ownership = .fairlead,
        excluded: [IPPrefix] = [],
        defaultScheduler: SchedulerName? = nil,
        drainTimeout: Duration,
        traffic: NetlinkTraffic = NetlinkTraffic()
    ) {
        self.family = family
        self.ownership = ownership
        self.excluded = excluded
        self.defaultScheduler = defaultScheduler
        self.drainTimeout = drainTimeout
        self.traffic = traffic
    }

    /// Runs `body` with an open socket, which after an error is opened anew: the kernel may have
    /// lost the module, and will load it again.
    func withSocket<Result>(
        _ body: (IPVSSocket) throws(DataplaneError) -> Result
    ) throws(DataplaneError) -> Result {
        let open: IPVSSocket
        if let socket { open = socket } else { open = try IPVSSocket(traffic) }
        socket = nil
        let before = open.virtualServersMade
        defer { made += open.virtualServersMade - before }
        let result = try body(open)
        socket = open
        return result
    }

    /// Forgets that a real server drains.
    func stopDraining(_ realServer: RealServer.Key, of key: VirtualServer.Key) {
        // Nothing drains most of the time, and then not even the key has to be hashed.
        guard !drains.isEmpty, var drain = drains[key], drain.realServers.remove(realServer) != nil
        else { return }
        drains[key] = drain.realServers.isEmpty && !drain.isGoingAway ? nil : drain
    }

    /// The excluded range that makes a virtual server foreign; nil if none does.
    func exclusion(of key: VirtualServer.Key) -> IPPrefix? {
        guard let address = key.address else { return nil }
        return excluded.first { $0.contains(address) }
    }

    /// When the real servers of a virtual server deleted now have to be gone; nil if at once.
    func deadline(for key: VirtualServer.Key) -> DrainDeadline? {
        if drainTimeout <= .zero { return nil }
        switch key {
        case .frontend(_, .udp): return nil
        case .frontend(_, .tcp), .frontend(_, .sctp), .mark: return .after(drainTimeout)
        }
    }

    /// When a real server deleted now has to be gone, while its virtual server stays; nil if at
    /// once.
    func realServerDeadline(for key: VirtualServer.Key) -> DrainDeadline? {
        impatient.contains(key) ? nil : deadline(for: key)
    }

    /// Whether no virtual server can be made without it.
    func isIndispensable(_ scheduler: SchedulerName) -> Bool { scheduler == defaultScheduler }

    /// Keeps in mind what matters about a virtual server's scheduler.
    func note(_ scheduler: SchedulerName, of key: VirtualServer.Key) {
        if scheduler.hashesDestinations {
            impatient.insert(key)
        } else if !impatient.isEmpty {
            impatient.remove(key)
        }
    }
}

// MARK: Observing

extension VirtualServerStore {
    /// Reads what we own, without what drains.
    package func observe() throws(DataplaneError) -> [VirtualServer.Key: VirtualServer] {
        try withSocket { (socket) throws(DataplaneError) in
            drains = [:]
            var servers: [VirtualServer.Key: VirtualServer] = [:]
            for service in try recognisedServices(socket) {
                note(service.scheduler, of: service.key)
                var drain = Drain(isGoingAway: service.flags.contains(.goingAway))
                var realServers: [RealServer.Key: RealServer] = [:]
                for destination in try socket.destinations(of: service.key) {
                    if destination.drainDeadline != nil {
                        drain.realServers.insert(destination.key)
                    } else {
                        realServers[destination.key] = destination.realServer
                    }
                }
                if drain.isGoingAway || !drain.realServers.isEmpty { drains[service.key] = drain }
                if !drain.isGoingAway {
                    servers[service.key] = service.virtualServer(realServers)
                }
            }
            return servers
        }
    }

    /// Whether some virtual servers, others at each call, are other than in `wanted`, or have lost
    /// their signature.
    package func differs(
        from wanted: [VirtualServer.Key: VirtualServer]
    ) throws(DataplaneError) -> Bool {
        if uninspected.isEmpty { uninspected = Array(wanted.keys) }
        let keys = uninspected.suffix(Self.inspected)
        uninspected.removeLast(keys.count)
        return try withSocket { (socket) throws(DataplaneError) in
            for key in keys {
                // One that has gone since the round began is of no interest.
                guard let server = wanted[key] else { continue }
                guard let present = try socket.service(key), present.flags.bear(ownership),
                    present.virtualServer([:]).hasSameAttributes(as: server)
                else { return true }
                var realServers: [RealServer.Key: RealServer] = [:]
                for destination in try socket.destinations(of: key)
                where destination.drainDeadline == nil {
                    realServers[destination.key] = destination.realServer
                }
                if realServers != server.realServers { return true }
            }
            return false
        }
    }

    /// The counters of all that is ours, with what drains.
    package func statistics() throws(DataplaneError)
        -> [VirtualServer.Key: VirtualServerStatistics]
    {
        try withSocket { (socket) throws(DataplaneError) in
            var statistics: [VirtualServer.Key: VirtualServerStatistics] = [:]
            for service in try ownServices(socket) {
                var counts: [RealServer.Key: ConnectionCounts] = [:]
                for destination in try socket.destinations(of: service.key) {
                    counts[destination.key] = ConnectionCounts(
                        active: destination.activeConnections,
                        inactive: destination.inactiveConnections
                    )
                }
                statistics[service.key] = VirtualServerStatistics(
                    traffic: service.traffic,
                    realServers: counts
                )
            }
            return statistics
        }
    }

    /// How many virtual servers there are, foreign ones included; costs next to nothing. Nil for
    /// IPv6, which the kernel does not count. The corresponding request is `IP_VS_SO_GET_INFO`.
    package func virtualServerCount() throws(DataplaneError) -> Int? {
        guard family == .ipv4 else { return nil }
        var info = ip_vs_getinfo()
        let socket = try XTablesSocket(family)
        let failure = unsafe withUnsafeMutableBytes(of: &info) {
            unsafe socket.get(infoOption, $0)
        }
        guard failure == 0 else { throw .system("IP_VS_SO_GET_INFO", "IPVS", failure) }
        return Int(info.num_services)
    }

    /// Those of this family outside the excluded ranges, whoever made them.
    func services(_ socket: IPVSSocket) throws(DataplaneError) -> [ServiceRecord] {
        try socket.services().filter { $0.key.family == family && exclusion(of: $0.key) == nil }
    }

    func ownServices(_ socket: IPVSSocket) throws(DataplaneError) -> [ServiceRecord] {
        try services(socket).filter { $0.flags.bear(ownership) }
    }
}

/// `IP_VS_SO_GET_INFO`, which the header spells as a sum that Swift does not import.
private let infoOption: Int32 = 64 + 1024 + 64 + 1
