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

/// A port every endpoint of the slice listens on; belongs to the Service port of equal name and
/// protocol.
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

/// A backend of a Service, with what decides whether this node may use it.
package struct Endpoint: Sendable, Hashable {
    package var address: IPAddress
    /// May get new connections. Includes `publishNotReadyAddresses`.
    package var ready: Bool
    /// Answers, though it may be shutting down.
    package var serving: Bool
    package var terminating: Bool
    /// The node it runs on; nil is never local.
    package var nodeName: String?
    package var zone: String?
    /// Zones that should use it; empty without the hint.
    package var zoneHints: [String]
    /// Nodes that should use it; empty without the hint.
    package var nodeHints: [String]
    /// Its share of new connections relative to the others', within `EndpointWeight.range`.
    package var weight: UInt32
    /// How many addresses the object gives beside the first; at most 255. Nothing uses them.
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
