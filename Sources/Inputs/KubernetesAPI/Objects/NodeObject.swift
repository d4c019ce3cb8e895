package import Addressing

/// A Node object, reduced to the fields a proxy reads.
package struct NodeObject: Sendable, Hashable {
    package var name: String
    /// `status.addresses` of type InternalIP, in the object's order.
    package var internalIPs: [IPAddress]
    /// `status.addresses` of type ExternalIP, in the object's order.
    package var externalIPs: [IPAddress]
    /// `spec.podCIDRs`; the older `spec.podCIDR` if there are none.
    package var podCIDRs: [IPPrefix]
    /// Label `topology.kubernetes.io/zone`.
    package var zone: String?
    /// `spec.taints[].key`
    package var taintKeys: [String]
    /// The object has a `metadata.deletionTimestamp`.
    package var isBeingDeleted: Bool

    package init(
        name: String,
        internalIPs: [IPAddress] = [],
        externalIPs: [IPAddress] = [],
        podCIDRs: [IPPrefix] = [],
        zone: String? = nil,
        taintKeys: [String] = [],
        isBeingDeleted: Bool = false
    ) {
        self.name = name
        self.internalIPs = internalIPs
        self.externalIPs = externalIPs
        self.podCIDRs = podCIDRs
        self.zone = zone
        self.taintKeys = taintKeys
        self.isBeingDeleted = isBeingDeleted
    }

    /// The node's primary address of each family, internal addresses before external ones. The
    /// first one's family is the node's primary family.
    package var addresses: [IPAddress] {
        let all = internalIPs + externalIPs
        guard let first = all.first else { return [] }
        guard let second = all.first(where: { $0.family != first.family }) else { return [first] }
        return [first, second]
    }
}
