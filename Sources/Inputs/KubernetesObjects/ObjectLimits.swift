import PrintableText
package import ServiceModel

/// How much one object may ask for.
///
/// An object of a megabyte can have ten thousand ports and as many addresses. What the kernel holds for it
/// is their product, and all Services of the node would pay for it.
package enum ObjectLimits {
    /// Pairs of a port and an endpoint in one EndpointSlice, or of a port and an address of one Service. An
    /// endpoint with a weight counts as many times as the weight says, as mode nftables and the socket level
    /// hold it.
    package static let pairs = 250_000
    /// Combinations of a port, a load-balancer address and a source range of one Service. The kernel's sets
    /// of ranges grow dearer with each: a quarter of a million took it minutes.
    package static let admissions = 10_000
    /// The most that weights can make of the endpoints of one port (docs/nftables-layout.md).
    private static let slots = 4095.0

    /// Throws if the Service asks for too much.
    package static func check(_ service: Service) throws(ObjectError) {
        let ports = Double(service.ports.count)
        let balanced = service.loadBalancerAddresses.count
        let addresses = service.clusterIPs.count + service.externalIPs.count + balanced
        let pairs = ports * Double(addresses)
        try check(
            pairs,
            Self.pairs,
            "\(counted(service.ports.count, "port")) at \(counted(addresses, "address", plural: "addresses")) each make \(text(pairs)) pairs"
        )
        // As floating-point numbers: a product of three lengths may be too large for an integer.
        let ranges = service.loadBalancerSourceRanges.count
        let combinations = ports * Double(balanced) * Double(ranges)
        try check(
            combinations,
            admissions,
            "\(counted(service.ports.count, "port")), \(counted(balanced, "load-balancer address", plural: "load-balancer addresses")) and \(counted(ranges, "source range")) make \(text(combinations)) combinations"
        )
    }

    /// Throws if the slices, which are of one object, hold too much.
    package static func check(_ slices: [EndpointSlice]) throws(ObjectError) {
        let count = slices.reduce(0.0) { $0 + Double($1.ports.count) * places($1.endpoints) }
        try check(count, pairs, description(slices, count))
    }

    /// What the endpoints take at each port. Weights count as written: in lowest terms they are only
    /// together with those of the Service's other slices.
    private static func places(_ endpoints: [Endpoint]) -> Double {
        let weights = endpoints.reduce(0.0) { $0 + Double(max(1, $1.weight)) }
        return max(Double(endpoints.count), min(weights, slots))
    }

    private static func description(_ slices: [EndpointSlice], _ count: Double) -> String {
        let endpoints = slices.reduce(0) { $0 + $1.endpoints.count }
        let ports = slices.map(\.ports.count).max() ?? 0
        let isWeighted = slices.contains { places($0.endpoints) > Double($0.endpoints.count) }
        let weights = isWeighted ? ", counted by their weights," : ""
        return
            "\(counted(endpoints, "endpoint")) with \(counted(ports, "port")) each\(weights) make \(text(count)) pairs"
    }

    private static func text(_ count: Double) -> String {
        count < 1e15 ? "\(Int(count))" : "10^15 or more"
    }

    private static func check(
        _ count: Double,
        _ limit: Int,
        _ what: @autoclosure () -> String
    ) throws(ObjectError) {
        guard count > Double(limit) else { return }
        throw ObjectError(FieldPath(), "too large: \(what()); at most \(limit)")
    }
}
