import Addressing
import DataplaneModel
import ServiceModel

/// The endpoints that some frontends of a Service port share.
struct EndpointGroup {
    typealias Key = EndpointGroupKey

    let key: Key
    /// Nil with session affinity, whose chains are the group's own.
    let balancer: Balancer?
    let affinityTimeoutSeconds: UInt32?
    /// The endpoint of each slot.
    let slots: [SocketAddress]
    let number: UInt32

    init(
        _ key: Key,
        number: UInt32,
        kind: Balancer.Kind,
        affinityTimeoutSeconds: UInt32?,
        endpoints: [SocketAddress],
        weight: (SocketAddress) -> UInt32
    ) {
        self.key = key
        self.number = number
        self.affinityTimeoutSeconds = affinityTimeoutSeconds
        let kind = affinityTimeoutSeconds == nil ? kind : .random
        let most = Int(GroupValue.maximumSlots)
        let shares = EndpointShare.shares(endpoints.prefix(most), slots: most, weight: weight)
        switch kind {
        case .random, .roundRobin: slots = SlotPlacement.slots(shares)
        case .hashedAddress, .hashedAddressAndPort: slots = HashSlots.slots(shares)
        }
        balancer =
            affinityTimeoutSeconds == nil
            ? Balancer(kind: kind, slots: UInt32(slots.count)) : nil
    }

    /// What the frontends that lead here have in their maps.
    var value: GroupValue { GroupValue(group: number, balancer: balancer) }

    /// What `meta priority` holds when a slot is looked for.
    var identifier: UInt32 { GroupValue(group: number).rawValue }

    var endpoints: Set<SocketAddress> { Set(slots) }
}
