import Addressing
import ServiceModel

/// Objects as JSON.
enum JSONObject {
    static func text(_ object: ClusterObject) -> String {
        var members = [("metadata", metadata(object))]
        switch object.content {
        case .service(let service):
            members.append(("spec", spec(service)))
            members.append(("status", status(service)))
        case .slice(let slice, _): members += fields(slice)
        case .node(let node): members += fields(node)
        case .serviceCIDR(_, let ranges):
            members.append(("spec", mapping([("cidrs", texts(ranges.map(\.description)))])))
        }
        return mapping(members)
    }

    private static func metadata(_ object: ClusterObject) -> String {
        let metadata = ObjectMetadata(object)
        var members = [
            ("name", text(metadata.name)), ("uid", text(metadata.uid)),
            ("resourceVersion", text("\(object.version)")),
            ("creationTimestamp", text("2023-11-14T22:13:20Z")),
            ("labels", mapping(metadata.labels.map { ($0, text($1)) })),
            ("annotations", mapping(metadata.annotations.map { ($0, text($1)) })),
            (
                "managedFields",
                "[{\"manager\":\"kube-controller-manager\",\"operation\":\"Update\","
                    + "\"fieldsV1\":\(ObjectMetadata.managedFields)}]"
            ),
        ]
        if !metadata.namespace.isEmpty { members.append(("namespace", text(metadata.namespace))) }
        return mapping(members)
    }

    private static func spec(_ service: Service) -> String {
        let ports = service.ports.map { port in
            var members = [
                ("protocol", text(port.transport.rawValue)), ("port", "\(port.port)"),
                ("targetPort", text("target")),
            ]
            if !port.name.isEmpty { members.append(("name", text(port.name))) }
            if let nodePort = port.nodePort { members.append(("nodePort", "\(nodePort)")) }
            return mapping(members)
        }
        var members = [
            ("ports", list(ports)), ("selector", mapping([("app", text(service.name.name))])),
            ("clusterIP", text(service.clusterIPs.first?.description ?? "")),
            ("clusterIPs", texts(service.clusterIPs.map(\.description))),
            ("ipFamilies", texts(service.clusterIPs.map(\.family.rawValue))),
            ("type", text(service.kind.rawValue)),
            ("externalIPs", texts(service.externalIPs.map(\.description))),
            (
                "loadBalancerSourceRanges",
                texts(service.loadBalancerSourceRanges.map(\.description))
            ), ("externalTrafficPolicy", text(service.externalTrafficPolicy.rawValue)),
            ("internalTrafficPolicy", text(service.internalTrafficPolicy.rawValue)),
        ]
        if let port = service.healthCheckNodePort {
            members.append(("healthCheckNodePort", "\(port)"))
        }
        if case .clientIP(let seconds) = service.sessionAffinity {
            members.append(("sessionAffinity", text("ClientIP")))
            members.append(
                ("sessionAffinityConfig", "{\"clientIP\":{\"timeoutSeconds\":\(seconds)}}")
            )
        } else {
            members.append(("sessionAffinity", text("None")))
        }
        return mapping(members)
    }

    private static func status(_ service: Service) -> String {
        let ingress = service.loadBalancerAddresses.map {
            mapping([("ip", text($0.description)), ("ipMode", text("VIP"))])
        }
        return mapping([("loadBalancer", mapping([("ingress", list(ingress))]))])
    }

    private static func fields(_ slice: EndpointSlice) -> [(String, String)] {
        let endpoints = slice.endpoints.map { endpoint in
            var members = [
                ("addresses", texts([endpoint.address.description])),
                (
                    "conditions",
                    mapping([
                        ("ready", "\(endpoint.ready)"), ("serving", "\(endpoint.serving)"),
                        ("terminating", "\(endpoint.terminating)"),
                    ])
                ),
            ]
            if let name = endpoint.nodeName { members.append(("nodeName", text(name))) }
            if let zone = endpoint.zone { members.append(("zone", text(zone))) }
            var hints: [(String, String)] = []
            let zones = endpoint.zoneHints.map { mapping([("name", text($0))]) }
            let nodes = endpoint.nodeHints.map { mapping([("name", text($0))]) }
            if !zones.isEmpty { hints.append(("forZones", list(zones))) }
            if !nodes.isEmpty { hints.append(("forNodes", list(nodes))) }
            if !hints.isEmpty { members.append(("hints", mapping(hints))) }
            return mapping(members)
        }
        let ports = slice.ports.map { port in
            mapping([
                ("name", text(port.name)), ("protocol", text(port.transport.rawValue)),
                ("port", "\(port.port)"),
            ])
        }
        return [
            ("addressType", text(slice.family.rawValue)), ("endpoints", list(endpoints)),
            ("ports", list(ports)),
        ]
    }

    private static func fields(_ node: ClusterNode) -> [(String, String)] {
        let addresses = node.addresses.map {
            mapping([("type", text("InternalIP")), ("address", text($0.description))])
        }
        return [
            ("spec", mapping([("podCIDRs", texts(node.podCIDRs.map(\.description)))])),
            ("status", mapping([("addresses", list(addresses))])),
        ]
    }

    // MARK: - Notation

    static func mapping(_ members: [(String, String)]) -> String {
        "{" + members.map { "\(text($0)):\($1)" }.joined(separator: ",") + "}"
    }

    static func list(_ elements: [String]) -> String {
        "[" + elements.joined(separator: ",") + "]"
    }

    static func texts(_ elements: [String]) -> String { list(elements.map(text)) }

    static func text(_ value: String) -> String {
        var result = "\""
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\u{0}"..."\u{1f}":
                let hex = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}
