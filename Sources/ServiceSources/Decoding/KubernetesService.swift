import Addressing
import AnnotatedYAML
import ServiceModel

/// Decodes `v1 Service` as the API server prints it.
struct KubernetesService {
    /// Services labelled for a proxy of another name are not ours.
    let serviceProxyName: String

    /// Nil for Services no proxy serves: headless, ExternalName, another proxy's.
    func decode(_ object: Fields, _ name: ServiceName) throws(FieldError) -> Service? {
        let labels = try object.fields("metadata")?.fields("labels")
        let proxy = try labels?.string("service.kubernetes.io/service-proxy-name") ?? ""
        guard proxy == serviceProxyName else { return nil }
        guard let spec = try object.fields("spec") else {
            throw object.error("spec", "is missing")
        }
        guard let kind = try kind(spec) else { return nil }
        guard let clusterIPs = try clusterIPs(spec) else { return nil }
        var service = Service(name: name, kind: kind, clusterIPs: clusterIPs)
        service.ports = try ports(spec)
        service.externalIPs = try spec.addresses("externalIPs")
        service.loadBalancerSourceRanges = try spec.prefixes("loadBalancerSourceRanges")
        service.loadBalancerAddresses = try loadBalancerAddresses(object)
        service.externalTrafficPolicy =
            try spec.policy("externalTrafficPolicy") ?? .cluster
        service.internalTrafficPolicy =
            try spec.policy("internalTrafficPolicy") ?? .cluster
        service.healthCheckNodePort = try spec.nodePort("healthCheckNodePort")
        service.sessionAffinity = try affinity(spec)
        let annotations = try object.fields("metadata")?.fields("annotations")
        service.scheduler = try annotations?.choice(Scheduler.annotation, of: Scheduler.self)
        service.forwarding =
            try annotations?.choice(Forwarding.annotation, of: Forwarding.self) ?? .nat
        return service
    }

    private func kind(_ spec: Fields) throws(FieldError) -> ServiceKind? {
        let text = try spec.string("type") ?? ""
        if text == "ExternalName" { return nil }
        return text.isEmpty ? .clusterIP : try spec.choice("type", of: ServiceKind.self)
    }

    /// One address a family at most; nil if the Service has none.
    private func clusterIPs(_ spec: Fields) throws(FieldError) -> [IPAddress]? {
        let first = try spec.string("clusterIP") ?? ""
        if first == "None" { return nil }
        let texts = try spec.strings("clusterIPs").map(\.text)
        if texts.contains("None") { return nil }
        var addresses = try spec.addresses("clusterIPs")
        if addresses.isEmpty, let address = try spec.address("clusterIP") { addresses = [address] }
        guard !addresses.isEmpty else { return nil }
        var result: [IPAddress] = []
        for address in addresses where !result.contains(where: { $0.family == address.family }) {
            result.append(address)
        }
        return result
    }

    private func ports(_ spec: Fields) throws(FieldError) -> [ServicePort] {
        var ports: [ServicePort] = []
        for (value, path) in try spec.list("ports") {
            let fields = try Fields(value, path: path)
            let port = ServicePort(
                name: try fields.portName(),
                transport: try fields.transport(),
                port: try fields.requiredPort("port"),
                nodePort: try fields.nodePort("nodePort")
            )
            if ports.contains(where: { $0.name == port.name && $0.transport == port.transport }) {
                throw fields.error("name", "port \(quoted(port.name)) is given twice")
            }
            ports.append(port)
        }
        return ports
    }

    /// Addresses with `ipMode` VIP; those of mode Proxy are the load balancer's own (KEP-1860).
    private func loadBalancerAddresses(_ object: Fields) throws(FieldError) -> [IPAddress] {
        guard let status = try object.fields("status")?.fields("loadBalancer") else { return [] }
        var result: [IPAddress] = []
        for (value, path) in try status.list("ingress") {
            let ingress = try Fields(value, path: path)
            guard let address = try ingress.address("ip") else { continue }
            let mode = try ingress.string("ipMode") ?? "VIP"
            guard mode == "VIP" || mode == "Proxy" else {
                throw ingress.error("ipMode", "\(quoted(mode)) is not one of VIP, Proxy")
            }
            if mode == "VIP" { result.append(address) }
        }
        return result
    }

    private func affinity(_ spec: Fields) throws(FieldError) -> SessionAffinity {
        let text = try spec.string("sessionAffinity") ?? "None"
        switch text {
        case "", "None": return .none
        case "ClientIP":
            return try spec.fields("sessionAffinityConfig")?.clientIPAffinity()
                ?? .clientIP(timeoutSeconds: 10800)
        default:
            throw spec.error(
                "sessionAffinity",
                "\(quoted(text)) is not one of None, ClientIP"
            )
        }
    }
}

extension Fields {
    /// Nil if absent or empty.
    func policy(_ name: String) throws(FieldError) -> TrafficPolicy? {
        guard let text = try string(name), !text.isEmpty else { return nil }
        return try choice(name, of: TrafficPolicy.self)
    }
}
