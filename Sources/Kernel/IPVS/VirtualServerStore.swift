package import Addressing
import CNetlink
package import DataplaneModel
import Glibc
import HostFacts
package import Netlink
import XTables

/// Our virtual servers of one family, and their real servers.
///
/// Our virtual servers have a signature in their flags. All others are foreign, and never listed,
/// changed or deleted, except those that lost the signature: see `VirtualServerStore+Ownership.swift`.
/// Works in the network namespace of the calling thread, which must be the dataplane thread.
///
/// Real servers for TCP and SCTP, and those of a virtual server by mark, drain: they get no new
/// connections, and are deleted when the last one has ended or the drain timeout is over. This state
/// is in the kernel, too, so that another store can continue a drain.
package final class VirtualServerStore {
    package let family: IPFamily
    let ownership: Ownership
    private let excluded: [IPPrefix]
    /// The scheduler of virtual servers whose Service does not ask for another.
    private let defaultScheduler: SchedulerName?
    private let drainTimeout: Duration
    let traffic: NetlinkTraffic
    private var socket: IPVSSocket?
    /// For the number of virtual servers; kept, as that is asked at each change.
    private var infoSocket: XTablesSocket?
    /// Virtual servers that this store created, minus those that it deleted.
    private(set) var made = 0
    /// Virtual servers that this store created or saw with the signature, and did not see deleted since.
    var known: Set<VirtualServer.Key> = []
    /// Another service proxy on this host, as of the present change; the outer nil before the search.
    var knownProxy: OtherProxy??
    /// The drains that this store has observed or begun.
    var drains: [VirtualServer.Key: Drain] = [:]
    /// Virtual servers whose scheduler would refuse clients while a real server drained.
    private var neverDraining: Set<VirtualServer.Key> = []
    /// Virtual servers that this round of comparisons has not reached yet.
    private var unchecked: [VirtualServer.Key] = []
    /// How many virtual servers are compared at once, each by two requests of some 50 µs.
    private static let checkedAtOnce = 25

    var hasDrains: Bool { !drains.isEmpty }

    /// A virtual server with draining real servers.
    struct Drain {
        /// It is there only for them.
        var isGoingAway = false
        var realServers: Set<RealServer.Key> = []
    }

    /// Virtual servers with addresses in `excluded` are foreign even with our signature. With a
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

    /// Runs `body` with an open socket, which is reopened after an error: if the module was unloaded, the
    /// kernel loads it again.
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

    /// Forgets the drain of a real server.
    func stopDraining(_ realServer: RealServer.Key, of key: VirtualServer.Key) {
        // Most of the time there are no drains, which saves hashing the key.
        guard !drains.isEmpty, var drain = drains[key], drain.realServers.remove(realServer) != nil
        else { return }
        drains[key] = drain.realServers.isEmpty && !drain.isGoingAway ? nil : drain
    }

    /// The excluded range that makes a virtual server foreign; nil if none does.
    func exclusion(of key: VirtualServer.Key) -> IPPrefix? {
        guard let address = key.address else { return nil }
        return excluded.first { $0.contains(address) }
    }

    /// The deadline for the real servers of a virtual server deleted now; nil if they go at once.
    func deadline(for key: VirtualServer.Key) -> DrainDeadline? {
        if drainTimeout <= .zero { return nil }
        switch key {
        case .frontend(_, .udp): return nil
        case .frontend(_, .tcp), .frontend(_, .sctp), .mark: return .after(drainTimeout)
        }
    }

    /// The deadline for a real server deleted now whose virtual server stays; nil if it goes at once.
    func realServerDeadline(for key: VirtualServer.Key) -> DrainDeadline? {
        neverDraining.contains(key) ? nil : deadline(for: key)
    }

    /// Whether it is the scheduler of virtual servers by default, without which none can be made.
    func isNeededByAll(_ scheduler: SchedulerName) -> Bool { scheduler == defaultScheduler }

    /// Remembers whether a virtual server's scheduler allows drains.
    func note(_ scheduler: SchedulerName, of key: VirtualServer.Key) {
        if scheduler.hashesDestinations {
            neverDraining.insert(key)
        } else if !neverDraining.isEmpty {
            neverDraining.remove(key)
        }
    }
}

// MARK: Observing

extension VirtualServerStore {
    /// Our virtual servers, without what drains.
    ///
    /// - Throws: `.unsupported` if the kernel has no IPVS.
    package func observe() throws(DataplaneError) -> [VirtualServer.Key: VirtualServer] {
        try withSocket { (socket) throws(DataplaneError) in
            var drains: [VirtualServer.Key: Drain] = [:]
            var servers: [VirtualServer.Key: VirtualServer] = [:]
            for record in try recognisedVirtualServers(socket) {
                note(record.scheduler, of: record.key)
                var drain = Drain(isGoingAway: record.flags.contains(.goingAway))
                var realServers: [RealServer.Key: RealServer] = [:]
                for realServer in try socket.realServers(of: record.key) {
                    if realServer.drainDeadline != nil {
                        drain.realServers.insert(realServer.key)
                    } else {
                        realServers[realServer.key] = realServer.realServer
                    }
                }
                if drain.isGoingAway || !drain.realServers.isEmpty { drains[record.key] = drain }
                if !drain.isGoingAway {
                    servers[record.key] = record.virtualServer(realServers)
                }
            }
            // Only now: a read that is given up leaves what was known.
            self.drains = drains
            return servers
        }
    }

    /// Whether some virtual servers, different ones at each call, differ from those in `wanted` or have
    /// lost their signature.
    package func differs(
        from wanted: [VirtualServer.Key: VirtualServer]
    ) throws(DataplaneError) -> Bool {
        if unchecked.isEmpty { unchecked = Array(wanted.keys) }
        let keys = unchecked.suffix(Self.checkedAtOnce)
        unchecked.removeLast(keys.count)
        return try withSocket { (socket) throws(DataplaneError) in
            for key in keys {
                // It is not wanted any more.
                guard let server = wanted[key] else { continue }
                guard let present = try socket.virtualServer(key),
                    present.flags.haveSignature(of: ownership),
                    present.virtualServer([:]).hasSameAttributes(as: server)
                else { return true }
                var realServers: [RealServer.Key: RealServer] = [:]
                for realServer in try socket.realServers(of: key)
                where realServer.drainDeadline == nil {
                    realServers[realServer.key] = realServer.realServer
                }
                if realServers != server.realServers { return true }
            }
            return false
        }
    }

    /// The counters of our virtual servers, with what drains.
    package func statistics() throws(DataplaneError)
        -> [VirtualServer.Key: VirtualServerStatistics]
    {
        try withSocket { (socket) throws(DataplaneError) in
            var statistics: [VirtualServer.Key: VirtualServerStatistics] = [:]
            for record in try ownVirtualServers(socket) {
                var counts: [RealServer.Key: ConnectionCounts] = [:]
                for realServer in try socket.realServers(of: record.key) {
                    counts[realServer.key] = ConnectionCounts(
                        active: realServer.activeConnections,
                        inactive: realServer.inactiveConnections
                    )
                }
                statistics[record.key] = VirtualServerStatistics(
                    traffic: record.traffic,
                    realServers: counts
                )
            }
            return statistics
        }
    }

    /// How many virtual servers there are, foreign ones included, at next to no cost. Nil for IPv6, for
    /// which the kernel has no number. The corresponding request is `IP_VS_SO_GET_INFO`.
    ///
    /// - Throws: `.unsupported` if the kernel has no IPVS.
    package func virtualServerCount() throws(DataplaneError) -> Int? {
        guard family == .ipv4 else { return nil }
        var info = ip_vs_getinfo()
        if infoSocket == nil { infoSocket = try XTablesSocket(family) }
        var failure = ask(&info)
        if failure == ENOPROTOOPT {
            // The kernel loads IPVS for its netlink interface only.
            _ = try IPVSSocket()
            failure = ask(&info)
        }
        guard failure == 0 else { throw .system("IP_VS_SO_GET_INFO", "IPVS", failure) }
        return Int(info.num_services)
    }

    private func ask(_ info: inout ip_vs_getinfo) -> Int32 {
        switch infoSocket {
        case .some(let socket): socket.get(infoOption, into: &info)
        case .none: EBADF
        }
    }

    /// All virtual servers of this family outside the excluded ranges, foreign ones included.
    func virtualServers(_ socket: IPVSSocket) throws(DataplaneError) -> [VirtualServerRecord] {
        try socket.virtualServers().filter {
            $0.key.family == family && exclusion(of: $0.key) == nil
        }
    }

    func ownVirtualServers(_ socket: IPVSSocket) throws(DataplaneError) -> [VirtualServerRecord] {
        try virtualServers(socket).filter { $0.flags.haveSignature(of: ownership) }
    }
}

/// `IP_VS_SO_GET_INFO`, which the header spells as a sum that Swift does not import.
private let infoOption: Int32 = 64 + 1024 + 64 + 1
