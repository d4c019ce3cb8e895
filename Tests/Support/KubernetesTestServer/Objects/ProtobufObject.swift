import Addressing
import ServiceModel

/// Objects as protobuf messages (field numbers of the Kubernetes `generated.proto` files).
enum ProtobufObject {
    static func bytes(_ object: ClusterObject) -> [UInt8] {
        var writer = ProtobufWriter()
        writer.message(1) { metadata(object, &$0) }
        switch object.content {
        case .service(let service):
            writer.message(2) { spec(service, &$0) }
            writer.message(3) { status(service, &$0) }
        case .slice(let slice, _): fields(slice, &writer)
        case .node(let node): fields(node, &writer)
        case .serviceCIDR(_, let ranges):
            writer.message(2) { for range in ranges { $0.string(1, range.description) } }
        }
        return writer.bytes
    }

    private static func metadata(_ object: ClusterObject, _ writer: inout ProtobufWriter) {
        let metadata = ObjectMetadata(object)
        writer.string(1, metadata.name)
        writer.string(2, "")
        writer.string(3, metadata.namespace)
        writer.string(5, metadata.uid)
        writer.string(6, "\(object.version)")
        writer.integer(7, 0)
        writer.message(8) {
            $0.integer(1, 1_700_000_000)
            $0.integer(2, 0)
        }
        writer.map(11, metadata.labels)
        writer.map(12, metadata.annotations)
        writer.message(17) { managed in
            managed.string(1, "kube-controller-manager")
            managed.string(2, "Update")
            managed.message(7) { $0.string(1, ObjectMetadata.managedFields) }
        }
    }

    private static func spec(_ service: Service, _ writer: inout ProtobufWriter) {
        for port in service.ports {
            writer.message(1) {
                $0.string(1, port.name)
                $0.string(2, port.transport.rawValue)
                $0.integer(3, Int(port.port.value))
                $0.message(4) {
                    $0.integer(1, 1)
                    $0.string(3, "target")
                }
                $0.integer(5, Int(port.nodePort?.value ?? 0))
            }
        }
        writer.map(2, [("app", service.name.name)])
        writer.string(3, service.clusterIPs.first?.description ?? "")
        writer.string(4, service.kind.rawValue)
        for address in service.externalIPs { writer.string(5, address.description) }
        for range in service.loadBalancerSourceRanges { writer.string(9, range.description) }
        writer.string(11, service.externalTrafficPolicy.rawValue)
        writer.integer(12, Int(service.healthCheckNodePort?.value ?? 0))
        if case .clientIP(let seconds) = service.sessionAffinity {
            writer.string(7, "ClientIP")
            writer.message(14) { $0.message(1) { $0.integer(1, Int(seconds)) } }
        } else {
            writer.string(7, "None")
        }
        for address in service.clusterIPs { writer.string(18, address.description) }
        for address in service.clusterIPs { writer.string(19, address.family.rawValue) }
        writer.string(22, service.internalTrafficPolicy.rawValue)
    }

    private static func status(_ service: Service, _ writer: inout ProtobufWriter) {
        writer.message(1) { balancer in
            for address in service.loadBalancerAddresses {
                balancer.message(1) {
                    $0.string(1, address.description)
                    $0.string(2, "")
                    $0.string(3, "VIP")
                }
            }
        }
    }

    private static func fields(_ slice: EndpointSlice, _ writer: inout ProtobufWriter) {
        for endpoint in slice.endpoints {
            writer.message(2) { writer in
                writer.string(1, endpoint.address.description)
                writer.message(2) {
                    $0.boolean(1, endpoint.ready)
                    $0.boolean(2, endpoint.serving)
                    $0.boolean(3, endpoint.terminating)
                }
                writer.message(4) {
                    $0.string(1, "Pod")
                    $0.string(2, slice.service.namespace)
                    $0.string(3, "\(slice.service.name)-\(endpoint.address)")
                    $0.string(4, ObjectMetadata.uid(endpoint.address.description))
                }
                if let name = endpoint.nodeName { writer.string(6, name) }
                if let zone = endpoint.zone { writer.string(7, zone) }
                guard !endpoint.zoneHints.isEmpty || !endpoint.nodeHints.isEmpty else { return }
                writer.message(8) { hints in
                    for zone in endpoint.zoneHints { hints.message(1) { $0.string(1, zone) } }
                    for node in endpoint.nodeHints { hints.message(2) { $0.string(1, node) } }
                }
            }
        }
        for port in slice.ports {
            writer.message(3) {
                $0.string(1, port.name)
                $0.string(2, port.transport.rawValue)
                $0.integer(3, Int(port.port.value))
            }
        }
        writer.string(4, slice.family.rawValue)
    }

    private static func fields(_ node: ClusterNode, _ writer: inout ProtobufWriter) {
        writer.message(2) { spec in
            spec.string(1, node.podCIDRs.first?.description ?? "")
            for range in node.podCIDRs { spec.string(7, range.description) }
        }
        writer.message(3) { status in
            for address in node.addresses {
                status.message(5) {
                    $0.string(1, "InternalIP")
                    $0.string(2, address.description)
                }
            }
        }
    }
}
