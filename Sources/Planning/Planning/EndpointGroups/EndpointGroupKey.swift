import ServiceModel

/// The identity of an endpoint group.
struct EndpointGroupKey: Hashable, Comparable, Sendable {
    var port: ServicePortName
    /// Those on this node.
    var isLocal: Bool

    /// Spread evenly over 64 bits; the group's number follows from it.
    var hash: UInt64 { NameScheme.number(of: port) ^ (isLocal ? 0x5555_5555_5555_5555 : 0) }

    static func < (left: EndpointGroupKey, right: EndpointGroupKey) -> Bool {
        left.port == right.port ? !left.isLocal && right.isLocal : left.port < right.port
    }
}
