package import ServiceModel

/// How much one object may ask for.
///
/// An object of a megabyte can have ten thousand ports and as many addresses. What the kernel holds for it
/// is their product, and all Services of the node would pay for it.
package enum ObjectLimits {
    /// Pairs of a port and an endpoint in one EndpointSlice; or of a port and an address of one
    /// Service, where source ranges count for each load-balancer address.
    package static let pairs = 250_000

    /// Throws if the Service asks for too much.
    package static func check(_ service: Service) throws(ObjectError) {
        let balanced = service.loadBalancerAddresses.count
        // As floating-point numbers: a product of three lengths may be too large for an integer.
        let addresses =
            Double(service.clusterIPs.count + service.externalIPs.count)
            + Double(balanced) * Double(1 + service.loadBalancerSourceRanges.count)
        try check(
            Double(service.ports.count) * addresses,
            "\(service.ports.count) ports, each at all addresses and for all source ranges"
        )
    }

    /// Throws if the slices, which are of one object, hold too much.
    package static func check(_ slices: [EndpointSlice]) throws(ObjectError) {
        let pairs = slices.reduce(0.0) { $0 + Double($1.ports.count) * Double($1.endpoints.count) }
        let endpoints = slices.reduce(0) { $0 + $1.endpoints.count }
        try check(pairs, "\(endpoints) endpoints, each with all ports")
    }

    private static func check(
        _ count: Double,
        _ what: @autoclosure () -> String
    ) throws(ObjectError) {
        guard count > Double(pairs) else { return }
        throw ObjectError(FieldPath(), "too large: \(what()), are more than \(pairs)")
    }
}
