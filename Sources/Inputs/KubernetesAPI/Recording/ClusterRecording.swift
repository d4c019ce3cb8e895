package import Addressing
package import ServiceModel

/// The state of the cluster at one moment, as far as it concerns this node.
package struct ClusterRecording: Sendable, Equatable {
    package var services: ServiceMap<Service>
    package var slices: ServiceMap<[EndpointSlice]>
    package var node: NodeObject?
    package var serviceCIDRs: [IPPrefix]

    package init(
        services: ServiceMap<Service> = [:],
        slices: ServiceMap<[EndpointSlice]> = [:],
        node: NodeObject? = nil,
        serviceCIDRs: [IPPrefix] = []
    ) {
        self.services = services
        self.slices = slices
        self.node = node
        self.serviceCIDRs = serviceCIDRs
    }

    /// The state of one Service, or that it is gone.
    package func record(of name: ServiceName) -> ClusterRecord {
        .service(name, services[name], slices[name] ?? [])
    }

    /// What is known besides Services.
    package var facts: ClusterRecord { .facts(node, serviceCIDRs: serviceCIDRs) }

    /// The names of Services, and of those that only have slices.
    package var names: some Sequence<ServiceName> {
        [Array(services.keys), slices.keys.filter { services[$0] == nil }].joined()
    }

    /// Brings the state to what a record says.
    package mutating func apply(_ record: ClusterRecord) {
        switch record {
        case .service(let name, let service, let newSlices):
            services[name] = service
            slices[name] = newSlices.isEmpty ? nil : newSlices
        case .facts(let node, let ranges): (self.node, serviceCIDRs) = (node, ranges)
        case .baseEnd: break
        }
    }

    // MARK: - The first format

    /// The line that a file of the first format begins with.
    package static func firstHead(_ settings: DecodingSettings) -> [UInt8] {
        Array("fairlead-cluster 1 \(settings.serviceProxyName)\n".utf8)
    }

    /// Decodes a file of the first format (until November 2026): a line with the version and the proxy
    /// name, then for each resource its length and a recorded watch, then a checksum (FNV-1a, 64
    /// bits) of everything before it. Numbers are big-endian.
    ///
    /// - Throws: `APIDecodingError` for anything else, and for another proxy name.
    package init(firstFormat bytes: [UInt8], _ settings: DecodingSettings) throws {
        self.init()
        let head = Self.firstHead(settings)
        guard bytes.starts(with: head) else {
            throw APIDecodingError(reason: "not a recording of this version for this proxy name")
        }
        var rest = bytes.dropFirst(head.count)
        guard rest.count >= 8, Self.number(rest.suffix(8)) == Self.checkSum(bytes.dropLast(8))
        else {
            throw APIDecodingError(reason: "the recording is damaged")
        }
        rest = rest.dropLast(8)
        for resource in KubernetesResource.allCases {
            guard rest.count >= 8, Self.number(rest.prefix(8)) <= UInt64(rest.count - 8) else {
                throw APIDecodingError(reason: "the recording is truncated")
            }
            let length = Int(Self.number(rest.prefix(8)))
            try take(resource, rest.dropFirst(8).prefix(length))
            rest = rest.dropFirst(8 + length)
        }
    }

    private mutating func take(
        _ resource: KubernetesResource,
        _ bytes: ArraySlice<UInt8>
    ) throws {
        // Recorded without the service-proxy-name label: the header already identifies the proxy.
        var decoder = WatchDecoder(resource: resource, mediaType: .protobuf)
        for event in try decoder.feed(bytes.span) {
            guard case .added(let object) = event else { continue }
            switch object.content {
            case .service(var service):
                service.origin = .cluster
                services[service.name] = service
            case .slice(let slice, _): slices[slice.service, default: []].append(slice)
            case .node(let node): self.node = node
            case .serviceCIDR(let ranges): serviceCIDRs = ranges
            case .ignored: break
            case .bad(let reason): throw APIDecodingError(reason: "\(object.key): \(reason)")
            }
        }
        try decoder.finish()
    }

    private static func number(_ bytes: ArraySlice<UInt8>) -> UInt64 {
        bytes.reduce(0) { $0 << 8 | UInt64($1) }
    }

    private static func checkSum(_ bytes: ArraySlice<UInt8>) -> UInt64 {
        bytes.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
    }
}
