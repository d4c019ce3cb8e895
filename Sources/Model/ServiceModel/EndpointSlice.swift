package import Addressing

/// Endpoints of one Service in one family (discovery.k8s.io/v1), reduced to what a proxy reads.
package struct EndpointSlice: Sendable, Hashable {
    /// Unique within the namespace of its Service; orders the slices of a Service.
    package var name: String
    package var service: ServiceName
    package var family: IPFamily
    package var ports: [EndpointPort]
    package var endpoints: [Endpoint]

    package init(
        name: String,
        service: ServiceName,
        family: IPFamily,
        ports: [EndpointPort],
        endpoints: [Endpoint]
    ) {
        self.name = name
        self.service = service
        self.family = family
        self.ports = ports
        self.endpoints = endpoints
    }
}

/// A port that every endpoint of the slice listens on; belongs to the Service port with the same
/// name and protocol.
package struct EndpointPort: Sendable, Hashable {
    package var name: String
    package var transport: TransportProtocol
    package var port: PortNumber

    package init(name: String = "", transport: TransportProtocol = .tcp, port: PortNumber) {
        self.name = name
        self.transport = transport
        self.port = port
    }
}

/// An endpoint of a Service, with the conditions that decide whether this node may use it.
package struct Endpoint: Sendable, Hashable {
    package var address: IPAddress
    /// May get new connections; true for all endpoints with `publishNotReadyAddresses`.
    package var ready: Bool
    /// Responds, though it may be terminating.
    package var serving: Bool
    package var terminating: Bool
    /// The node it runs on; nil is never local.
    package var nodeName: String?
    package var zone: String?
    /// Zones that should use it; empty without the hint.
    package var zoneHints: [String]
    /// Nodes that should use it; empty without the hint.
    package var nodeHints: [String]
    /// Its share of new connections relative to the others, in `EndpointWeight.range`.
    package var weight: UInt32
    /// Number of further addresses in the object, which are not used; at most 255.
    package var ignoredAddresses: UInt8 = 0

    package init(
        address: IPAddress,
        ready: Bool = true,
        serving: Bool = true,
        terminating: Bool = false,
        nodeName: String? = nil,
        zone: String? = nil,
        zoneHints: [String] = [],
        nodeHints: [String] = [],
        weight: UInt32 = EndpointWeight.standard
    ) {
        self.address = address
        self.ready = ready
        self.serving = serving
        self.terminating = terminating
        self.nodeName = nodeName
        self.zone = zone
        self.zoneHints = zoneHints
        self.nodeHints = nodeHints
        self.weight = weight
    }
}
