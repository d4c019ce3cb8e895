package import Addressing
import DataplaneModel
import ServiceModel

/// An endpoint group of a Service port with its number.
struct NumberedGroup: Sendable {
    var key: EndpointGroupKey
    var number: UInt32
    var group: SocketGroup
}

/// Builds what one Service contributes to the socket level: endpoint groups, and claims to frontends
/// as a client on this node sees them.
struct ServiceSockets {
    /// A number of slots that nftables mode has, too, so that both spread alike.
    static let maximumSlots = Int(GroupValue.maximumSlots)

    private(set) var groups: [NumberedGroup] = []
    private(set) var claims: [FrontendClaim<SocketAction>] = []

    init(
        _ service: ServiceState,
        level: SocketLBSettings,
        numbers: [EndpointGroupKey: UInt32]
    ) {
        for port in service.ports where port.isTaken(by: level) { build(port, level, numbers) }
    }

    /// The groups a Service port has, which need numbers.
    static func keys(_ port: ServicePortState, _ level: SocketLBSettings) -> [EndpointGroupKey] {
        keys(port, port.frontends, level)
    }

    private static func keys(
        _ port: ServicePortState,
        _ frontends: [Frontend],
        _ level: SocketLBSettings
    ) -> [EndpointGroupKey] {
        guard port.isTaken(by: level), port.isBalanced(by: level) else { return [] }
        let served = frontends.lazy.map(\.kind).filter { !port.leaves($0) }
        var keys: [EndpointGroupKey] = []
        for isLocal in [false, true]
        where served.contains(where: { port.usesLocal($0) == isLocal })
            && !port.endpoints(isLocal: isLocal).isEmpty
        {
            keys.append(EndpointGroupKey(port: port.name, isLocal: isLocal))
        }
        return keys
    }

    private mutating func build(
        _ port: ServicePortState,
        _ level: SocketLBSettings,
        _ numbers: [EndpointGroupKey: UInt32]
    ) {
        var cluster: UInt32?
        var local: UInt32?
        let frontends = port.frontends
        for key in Self.keys(port, frontends, level) {
            guard let number = numbers[key] else { continue }
            let group = Self.group(port, key, level)
            groups.append(NumberedGroup(key: key, number: number, group: group))
            if key.isLocal { local = number } else { cluster = number }
        }
        for frontend in frontends {
            let used = port.usesLocal(frontend.kind) ? local : cluster
            let group = port.leaves(frontend.kind) ? nil : used
            let action: SocketAction =
                !port.endpoints.hasAny && !port.restricts(frontend.kind)
                ? .refuse : group.map { .group($0) } ?? .leave
            claims.append(FrontendClaim(frontend, port, action))
        }
    }

    private static func group(
        _ port: ServicePortState,
        _ key: EndpointGroupKey,
        _ level: SocketLBSettings
    ) -> SocketGroup {
        let endpoints = port.endpoints(isLocal: key.isLocal)
        let shares = EndpointShare.shares(
            endpoints,
            slots: maximumSlots,
            weight: port.endpoints.weight(of:)
        )
        // What a client is remembered by decides before its hash would.
        let isHashed =
            port.affinityTimeoutSeconds == nil && endpoints.count > 1
            && (port.scheduler ?? level.scheduler) == .sh
        return SocketGroup(
            choice: isHashed ? .hashedClient : .random,
            affinityTimeoutSeconds: port.affinityTimeoutSeconds,
            isForDatagrams: port.name.transport == .udp,
            slots: isHashed ? HashSlots.slots(shares) : SlotPlacement.slots(shares),
            label: key
        )
    }
}

extension EndpointGroupKey: CustomStringConvertible {
    /// What a plan shows of a group.
    var description: String { "\(port)\(isLocal ? ": endpoints on this node" : "")" }
}

extension ServicePortState {
    fileprivate func isTaken(by level: SocketLBSettings) -> Bool {
        name.transport != .sctp && level.protocols.contains(name.transport)
    }

    /// Whether clients on this node see only the endpoints on it. External policy Local is for clients
    /// elsewhere.
    fileprivate func usesLocal(_ kind: FrontendKind) -> Bool {
        kind == .clusterIP && internalPolicyIsLocal
    }

    fileprivate func endpoints(isLocal: Bool) -> [SocketAddress] {
        isLocal ? endpoints.local : endpoints.cluster
    }

    /// Whether an endpoint can be chosen without looking at what connections there are, or at more
    /// than the programs' tables hold.
    fileprivate func isBalanced(by level: SocketLBSettings) -> Bool {
        guard
            max(endpoints.cluster.count, endpoints.local.count) <= ServiceSockets.maximumSlots
        else { return false }
        // A connection's source port is unknown yet, so `mh` is as good as at random.
        return switch scheduler ?? level.scheduler {
        case nil, .rr, .wrr, .sh, .mh: true
        case .lc, .wlc, .lblc, .lblcr, .dh, .sed, .nq, .fo, .ovf, .twos: false
        }
    }

    /// Frontends that only the packet rules can serve: they admit clients by address, and an endpoint
    /// that answers for the Service's address itself has to be sent packets for that address.
    fileprivate func leaves(_ kind: FrontendKind) -> Bool {
        restricts(kind) || forwarding != .nat && kind != .nodePort
    }

    fileprivate func restricts(_ kind: FrontendKind) -> Bool {
        kind == .loadBalancer && !sourceRanges.isEmpty
    }
}

extension PlannerSettings {
    /// Where node ports answer clients on this node: as for clients elsewhere, and on the loopback
    /// address, unless that is refused.
    package func socketNodeAddresses(_ family: IPFamily) -> Set<IPAddress> {
        guard socketLB != nil else { return [] }
        var addresses = Set(nodePortAddresses(family))
        if localhostNodePorts != false { addresses.insert(.localhost(family)) }
        return addresses
    }
}
