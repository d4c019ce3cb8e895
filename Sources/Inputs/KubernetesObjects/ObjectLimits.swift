package import ServiceModel

/// How much one object may ask for.
///
/// An object of a megabyte can have ten thousand ports and as many addresses. What the kernel holds for it
/// is their product, and all Services of the node would pay for it.
package enum ObjectLimits {
    /// Pairs of a port and an endpoint in one EndpointSlice, or of a port and an address of one Service.
    package static let pairs = 250_000
    /// Combinations of a port, a load-balancer address and a source range of one Service. The kernel's sets
    /// of ranges grow dearer with each: a quarter of a million took it minutes.
    package static let admissions = 10_000

    /// Throws if the Service asks for too much.
    package static func check(_ service: Service) throws(ObjectError) {
        let ports = Double(service.ports.count)
        let balanced = service.loadBalancerAddresses.count
        let addresses = service.clusterIPs.count + service.externalIPs.count + balanced
        try check(
            ports * Double(addresses),
            pairs,
            "\(service.ports.count) ports, each at \(addresses) addresses"
        )
        // As floating-point numbers: a product of three lengths may be too large for an integer.
        let ranges = service.loadBalancerSourceRanges.count
        try check(
            ports * Double(balanced) * Double(ranges),
            admissions,
            "\(service.ports.count) ports at \(balanced) load-balancer addresses, each for \(ranges) source ranges"
        )
    }

    /// Throws if the slices, which are of one object, hold too much.
    package static func check(_ slices: [EndpointSlice]) throws(ObjectError) {
        let count = slices.reduce(0.0) { $0 + Double($1.ports.count) * Double($1.endpoints.count) }
        let endpoints = slices.reduce(0) { $0 + $1.endpoints.count }
        try check(count, Self.pairs, "\(endpoints) endpoints, each with all ports")
    }

    private static func check(
        _ count: Double,
        _ limit: Int,
        _ what: @autoclosure () -> String
    ) throws(ObjectError) {
        guard count > Double(limit) else { return }
        throw ObjectError(FieldPath(), "too large: \(what()), are more than \(limit)")
    }
}
