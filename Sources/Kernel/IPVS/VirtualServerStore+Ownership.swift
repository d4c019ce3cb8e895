import Addressing
import CNetlink
package import DataplaneModel
import Glibc
import HostFacts
import NodeAddresses

// A virtual server loses our signature when `ipvsadm -E` edits it, and when it is restored from what
// `ipvsadm -S` saved: ipvsadm knows no flags but its own. It is taken back if it stands at a frontend
// that a Service wants and the evidence says that it was ours:
//
// - all its real servers are the Service's own or drain with our mark, and there is at least one; or
// - this store made it or saw it signed, and it has no real servers or one of the Service's.
//
// Whoever balances the same Services leaves the same picture. So nothing is taken back as long as
// the link of another service proxy is there.

extension VirtualServerStore {
    /// Another service proxy that uses IPVS.
    struct Rival {
        /// The link it puts Service addresses on.
        var link: String
        var owner: String
        /// The command that removes what it made.
        var cleanup: String
    }

    /// Links that belong to the ipvs modes of other service proxies, and whose they are.
    private static let rivals = [
        Rival(
            link: KubeProxyNames.link,
            owner: "kube-proxy",
            cleanup: "fairlead cleanup --kube-proxy"
        ),
        Rival(
            link: "kube-dummy-if",
            owner: "kube-router",
            cleanup: "kube-router --cleanup-config"
        ),
    ]

    /// Reads the services with our signature, and brings `known` up to date.
    func recognisedServices(_ socket: IPVSSocket) throws(DataplaneError) -> [ServiceRecord] {
        let all = try services(socket)
        let own = all.filter { $0.flags.bear(ownership) }
        // One that is gone was deleted by somebody, who may make one of their own in its place.
        known.formIntersection(all.map(\.key))
        known.formUnion(own.map(\.key))
        return own
    }

    /// Why a virtual server without our signature that stands in the place of `wanted` is not taken
    /// back, with the cure; nil if it was ours.
    func objection(
        to destinations: [DestinationRecord],
        inPlaceOf wanted: VirtualServer
    ) throws(DataplaneError) -> String? {
        if let rival = try rivalProxy() {
            return
                "there is one of \(rival.owner)'s: stop it, and clean up after it: \(rival.cleanup)"
        }
        let own = destinations.filter { destination in
            destination.drainDeadline != nil
                || wanted.realServers[destination.key]?.forwarding.rawValue
                    == destination.forwarding
        }
        if own.count == destinations.count, !own.isEmpty { return nil }
        if known.contains(wanted.key), destinations.isEmpty || !own.isEmpty { return nil }
        return
            "there is one that Fairlead did not make; unless another program needs it, remove it: ipvsadm -D \(wanted.key.ipvsadmArguments)"
    }

    private func rivalProxy() throws(DataplaneError) -> Rival? {
        if let rival { return rival }
        var socket = try RoutingSocket(traffic)
        var found: Rival?
        for one in Self.rivals where found == nil {
            if try socket.link(one.link)?.kind == RoutingSocket.dummy { found = one }
        }
        rival = .some(found)
        return found
    }

    /// What keeps wanted virtual servers from being made: foreign ones in their places, and excluded
    /// ranges. Sorted; changes nothing.
    package func obstacles(
        to wanted: [VirtualServer.Key: VirtualServer]
    ) throws(DataplaneError) -> [DataplaneError] {
        rival = nil
        return try withSocket { (socket) throws(DataplaneError) in
            var found: [VirtualServer.Key: DataplaneError] = [:]
            for service in try services(socket) where !service.flags.bear(ownership) {
                guard let server = wanted[service.key] else { continue }
                let destinations = try socket.destinations(of: service.key)
                guard let reason = try objection(to: destinations, inPlaceOf: server) else {
                    continue
                }
                found[service.key] = clash(server, reason)
            }
            for key in wanted.keys {
                if let failure = exclusionFailure(key) { found[key] = failure }
            }
            return found.sorted { $0.key < $1.key }.map(\.value)
        }
    }

    /// A virtual server in the place of a wanted one.
    func clash(_ wanted: VirtualServer, _ reason: String) -> DataplaneError {
        var failure = IPVSRequest.newService(ServiceRecord(wanted, ownership)).error(EEXIST, nil)
        failure.message = reason
        return failure
    }

    /// Why a virtual server must not be touched; nil if it may.
    func exclusionFailure(_ key: VirtualServer.Key) -> DataplaneError? {
        guard let range = exclusion(of: key) else { return nil }
        return .system(
            "IPVS",
            "\(key)",
            EACCES,
            kind: .other,
            message: "virtual servers in \(range) are not Fairlead's: the range is excluded"
        )
    }
}

extension VirtualServer.Key {
    /// As ipvsadm names a virtual server: `-t 10.96.0.10:80`, `-f 7 -6`.
    fileprivate var ipvsadmArguments: String {
        switch self {
        case .frontend(let socket, .tcp): "-t \(socket)"
        case .frontend(let socket, .udp): "-u \(socket)"
        case .frontend(let socket, .sctp): "--sctp-service \(socket)"
        case .mark(let mark, .ipv4): "-f \(mark)"
        case .mark(let mark, .ipv6): "-f \(mark) -6"
        }
    }
}
