import Addressing
import CNetlink
package import DataplaneModel
import Glibc
import HostFacts
import NodeAddresses

// A virtual server loses our signature when `ipvsadm -E` edits it, or `ipvsadm -R` restores it from a
// dump: ipvsadm drops flags that it does not know. It is reused if a Service wants its frontend, and
// there is evidence that Fairlead made it:
//
// - all its real servers are endpoints of the Service or have our drain deadline, and there is one; or
// - this store created it or saw its signature, and it has no real servers or one of the Service.
//
// Another proxy for the same Services leaves the same evidence. So nothing is reused as long as the
// link of another service proxy exists.

extension VirtualServerStore {
    /// Another service proxy that uses IPVS.
    struct OtherProxy {
        /// The link it puts Service addresses on.
        var link: String
        var owner: String
        /// The command that removes its objects.
        var cleanup: String
    }

    /// Service proxies with an ipvs mode.
    private static let otherProxies = [
        OtherProxy(
            link: KubeProxyNames.link,
            owner: "kube-proxy",
            cleanup: "fairlead cleanup --kube-proxy"
        ),
        OtherProxy(
            link: "kube-dummy-if",
            owner: "kube-router",
            cleanup: "kube-router --cleanup-config"
        ),
    ]

    /// The virtual servers with our signature. Updates `known`.
    func recognisedVirtualServers(_ socket: IPVSSocket) throws(DataplaneError)
        -> [VirtualServerRecord]
    {
        let all = try virtualServers(socket)
        let own = all.filter { $0.flags.haveSignature(of: ownership) }
        // If one was deleted by another program, that may create its own in its place.
        known.formIntersection(all.map(\.key))
        known.formUnion(own.map(\.key))
        return own
    }

    /// Why a virtual server without our signature in the place of `wanted` is not reused, with the cure;
    /// nil if Fairlead made it.
    func objection(
        to realServers: [RealServerRecord],
        inPlaceOf wanted: VirtualServer
    ) throws(DataplaneError) -> String? {
        if let proxy = try otherProxy() {
            return
                "there is one of \(proxy.owner)'s: stop it, and clean up after it: \(proxy.cleanup)"
        }
        let own = realServers.filter { realServer in
            realServer.drainDeadline != nil
                || wanted.realServers[realServer.key]?.forwarding.rawValue
                    == realServer.forwarding
        }
        if own.count == realServers.count, !own.isEmpty { return nil }
        if known.contains(wanted.key), realServers.isEmpty || !own.isEmpty { return nil }
        return
            "there is one that Fairlead did not make; unless another program needs it, remove it: ipvsadm -D \(wanted.key.ipvsadmArguments)"
    }

    private func otherProxy() throws(DataplaneError) -> OtherProxy? {
        if let knownProxy { return knownProxy }
        var socket = try RoutingSocket(traffic)
        var found: OtherProxy?
        for one in Self.otherProxies where found == nil {
            if try socket.link(one.link)?.kind == RoutingSocket.dummy { found = one }
        }
        knownProxy = .some(found)
        return found
    }

    /// What keeps wanted virtual servers from being made: foreign ones in their places, and excluded
    /// ranges. Sorted by frontend; changes nothing.
    ///
    /// - Throws: `.unsupported` if the kernel has no IPVS.
    package func obstacles(
        to wanted: [VirtualServer.Key: VirtualServer]
    ) throws(DataplaneError) -> [DataplaneError] {
        knownProxy = nil
        return try withSocket { (socket) throws(DataplaneError) in
            var found: [VirtualServer.Key: DataplaneError] = [:]
            for record in try virtualServers(socket)
            where !record.flags.haveSignature(of: ownership) {
                guard let server = wanted[record.key] else { continue }
                let realServers = try socket.realServers(of: record.key)
                guard let reason = try objection(to: realServers, inPlaceOf: server) else {
                    continue
                }
                found[record.key] = clash(server, reason)
            }
            for key in wanted.keys {
                if let failure = exclusionFailure(key) { found[key] = failure }
            }
            return found.sorted { $0.key < $1.key }.map(\.value)
        }
    }

    /// The failure for a virtual server in the place of a wanted one.
    func clash(_ wanted: VirtualServer, _ reason: String) -> DataplaneError {
        var failure = IPVSRequest.newVirtualServer(VirtualServerRecord(wanted, ownership)).error(
            EEXIST,
            nil
        )
        failure.message = reason
        return failure
    }

    /// The failure for a virtual server in an excluded range; nil if it is in none.
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
    /// ipvsadm's arguments for a virtual server: `-t 10.96.0.10:80`, `-f 7 -6`.
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
