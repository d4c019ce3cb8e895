import Addressing
import AnnotatedYAML
import KubernetesObjects
import PrintableText
import ServiceModel

/// Decodes one element of a `services:` list: a Service together with its endpoints, for use
/// without a cluster. Unknown fields are rejected.
enum ShortForm {
    // docs/services.md describes these fields.
    static let fieldNames = [
        "name", "address", "addresses", "ports", "endpoints", "sessionAffinity",
        "externalTrafficPolicy", "internalTrafficPolicy", "externalIPs", "loadBalancer",
        "healthCheckNodePort", "scheduler", "forwarding", "healthCheck",
    ]
    static let portFieldNames = ["name", "port", "targetPort", "protocol", "nodePort"]
    static let endpointFieldNames = [
        "address", "port", "node", "zone", "ready", "serving", "terminating", "weight",
    ]

    /// `web` is in namespace `default`; `shop/web` includes its namespace.
    static func name(_ fields: Fields) throws(FieldError) -> ServiceName {
        let text = try fields.requiredString("name")
        let parts = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard parts.count <= 2, parts.allSatisfy(ObjectNames.isObjectName) else {
            throw fields.error("name", "\(quoted(text)) is not a valid name")
        }
        return ServiceName(
            namespace: parts.count == 2 ? parts[0] : "default",
            name: parts[parts.count - 1]
        )
    }

    static func decode(
        _ fields: Fields,
        _ name: ServiceName
    ) throws(FieldError) -> (Service, [EndpointSlice]) {
        try fields.refuseUnknown(fieldNames)
        var service = Service(name: name)
        service.clusterIPs = try clusterIPs(fields)
        let ports = try ports(fields)
        service.ports = ports.map(\.port)
        service.externalIPs = try fields.addresses("externalIPs")
        try decodeLoadBalancer(fields, into: &service)
        try refuseSpecialAddresses(service, fields)
        service.externalTrafficPolicy = try fields.policy("externalTrafficPolicy") ?? .cluster
        service.internalTrafficPolicy = try fields.policy("internalTrafficPolicy") ?? .cluster
        service.sessionAffinity = try affinity(fields)
        service.healthCheckNodePort = try fields.port("healthCheckNodePort")
        service.scheduler = try fields.choice("scheduler", of: Scheduler.self)
        service.forwarding = try fields.choice("forwarding", of: Forwarding.self) ?? .nat
        let slices = try ShortFormEndpoints(service: name, ports: ports).decode(fields)
        let complete = service
        try fields.located { () throws(ObjectError) in
            try ObjectLimits.check(complete)
            try ObjectLimits.check(slices)
        }
        service.healthCheck = try fields.fields("healthCheck")?.healthCheck(ports: service.ports)
        service.kind =
            !service.loadBalancerAddresses.isEmpty
            ? .loadBalancer
            : service.ports.contains { $0.nodePort != nil } ? .nodePort : .clusterIP
        service.families = families(service, slices)
        guard !service.families.isEmpty else {
            throw fields.error(
                "address",
                "is missing, and no endpoint or other address gives the IP family"
            )
        }
        return (service, slices)
    }

    /// A mistake: no packet to such an address gets to an endpoint, and some never leave their host.
    private static func refuseSpecialAddresses(
        _ service: Service,
        _ fields: Fields
    ) throws(FieldError) {
        let own = fields.value("address") == nil ? "addresses" : "address"
        for (name, addresses) in [
            (own, service.clusterIPs), ("externalIPs", service.externalIPs),
            ("loadBalancer", service.loadBalancerAddresses),
        ] {
            let reasons = addresses.compactMap { FieldValues.reasonAgainst(frontend: $0) }
            if let reason = reasons.first { throw fields.error(name, reason) }
        }
    }

    /// A Service without a cluster address has the families of its other addresses or, with node
    /// ports only, those of its endpoints.
    private static func families(_ service: Service, _ slices: [EndpointSlice]) -> IPFamilies {
        let own = service.clusterIPs + service.externalIPs + service.loadBalancerAddresses
        let families = IPFamilies(own.map(\.family))
        let hasNodePort = service.ports.contains { $0.nodePort != nil }
        guard hasNodePort || families.isEmpty else { return families }
        return IPFamilies(own.map(\.family) + slices.map(\.family))
    }

    private static func clusterIPs(_ fields: Fields) throws(FieldError) -> [IPAddress] {
        var addresses = try fields.addresses("addresses")
        if let address = try fields.address("address") {
            guard addresses.isEmpty else {
                throw fields.error("address", "give either address or addresses")
            }
            addresses = [address]
        }
        guard Set(addresses.map(\.family)).count == addresses.count else {
            throw fields.error(
                "addresses",
                "at most one address per family; put others under externalIPs"
            )
        }
        return addresses
    }

    private static func ports(
        _ fields: Fields
    ) throws(FieldError) -> [(port: ServicePort, target: PortNumber)] {
        var ports: [(port: ServicePort, target: PortNumber)] = []
        var names: Set<String> = []
        for (value, path) in try fields.list("ports") {
            let entry = try Fields(value, path: path)
            try entry.refuseUnknown(portFieldNames)
            let port = ServicePort(
                name: try entry.portName(),
                transport: try entry.transport(),
                port: try entry.requiredPort("port"),
                nodePort: try entry.port("nodePort")
            )
            guard names.insert("\(port.transport.rawValue)/\(port.name)").inserted else {
                throw entry.error(
                    "name",
                    port.name.isEmpty
                        ? "several ports of one protocol need names"
                        : "port \(quoted(port.name)) is given twice"
                )
            }
            ports.append((port, try entry.port("targetPort") ?? port.port))
        }
        guard !ports.isEmpty else { throw fields.error("ports", "is missing") }
        return ports
    }

    private static func decodeLoadBalancer(
        _ fields: Fields,
        into service: inout Service
    ) throws(FieldError) {
        guard let balancer = try fields.fields("loadBalancer") else { return }
        try balancer.refuseUnknown(["addresses", "sourceRanges"])
        service.loadBalancerAddresses = try balancer.addresses("addresses")
        service.loadBalancerSourceRanges = try balancer.prefixes("sourceRanges")
    }

    /// `ClientIP`, or `clientIP: {timeoutSeconds: 60}` with a timeout.
    private static func affinity(_ fields: Fields) throws(FieldError) -> SessionAffinity {
        guard let value = fields.value("sessionAffinity") else { return .none }
        switch value.content {
        case .scalar("None", _): return .none
        case .scalar("ClientIP", _): return .clientIP(timeoutSeconds: 10800)
        case .mapping:
            guard let nested = try fields.fields("sessionAffinity") else { return .none }
            try nested.refuseUnknown(["clientIP"])
            try nested.fields("clientIP")?.refuseUnknown(["timeoutSeconds"])
            return try nested.clientIPAffinity()
        default:
            throw fields.error(
                "sessionAffinity",
                "\(value.shown) is not one of None, ClientIP, clientIP: {timeoutSeconds: N}"
            )
        }
    }
}

/// The endpoints of a short-form Service as slices, one for each family and set of ports.
private struct ShortFormEndpoints {
    let service: ServiceName
    let ports: [(port: ServicePort, target: PortNumber)]

    private struct Group: Hashable {
        var family: IPFamily
        /// Overrides `targetPort` for one endpoint.
        var port: PortNumber?
    }

    func decode(_ fields: Fields) throws(FieldError) -> [EndpointSlice] {
        var groups: [Group: [Endpoint]] = [:]
        for (value, path) in try fields.list("endpoints") {
            let entry = try Fields(value, path: path)
            let endpoint = try endpoint(entry)
            let port = try entry.port("port")
            guard port == nil || ports.count == 1 else {
                throw entry.error("port", "only allowed if the Service has a single port")
            }
            groups[Group(family: endpoint.address.family, port: port), default: []]
                .append(endpoint)
        }
        return groups.map(slice).sorted { $0.name < $1.name }
    }

    private func slice(_ group: Group, _ endpoints: [Endpoint]) -> EndpointSlice {
        let suffix = group.port.map { "-\($0)" } ?? ""
        return EndpointSlice(
            name: "\(service.name)-\(group.family.rawValue.lowercased())\(suffix)",
            service: service,
            family: group.family,
            ports: ports.map {
                EndpointPort(
                    name: $0.port.name,
                    transport: $0.port.transport,
                    port: group.port ?? $0.target
                )
            },
            endpoints: endpoints
        )
    }

    private func endpoint(_ fields: Fields) throws(FieldError) -> Endpoint {
        try fields.refuseUnknown(ShortForm.endpointFieldNames)
        guard let address = try fields.address("address") else {
            throw fields.error("address", "is missing")
        }
        if let reason = FieldValues.reasonAgainst(endpoint: address) {
            throw fields.error("address", reason)
        }
        let weight = try fields.integer("weight", in: EndpointWeight.range)
        let terminating = try fields.boolean("terminating") ?? false
        return Endpoint(
            address: address,
            ready: try fields.boolean("ready") ?? !terminating,
            serving: try fields.boolean("serving") ?? true,
            terminating: terminating,
            nodeName: try fields.string("node"),
            zone: try fields.string("zone"),
            weight: weight.map { UInt32($0) } ?? EndpointWeight.standard
        )
    }
}
