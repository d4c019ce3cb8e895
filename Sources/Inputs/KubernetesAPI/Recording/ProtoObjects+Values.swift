import Addressing
import KubernetesObjects
import ServiceModel

// From the models' values back to the API's objects, so that decoding gives equal values.

extension ProtoService {
    init(_ service: Service) {
        metadata.name = service.name.name
        metadata.namespace = service.name.namespace
        if let scheduler = service.scheduler {
            metadata.annotations[Scheduler.annotation] = scheduler.rawValue
        }
        if service.forwarding != .nat {
            metadata.annotations[Forwarding.annotation] = service.forwarding.rawValue
        }
        spec.type = service.kind.rawValue
        spec.clusterIp = service.clusterIPs.first?.description ?? ""
        spec.clusterIps = service.clusterIPs.map(\.description)
        spec.ports = service.ports.map(ProtoServicePort.init)
        spec.externalIps = service.externalIPs.map(\.description)
        spec.loadBalancerSourceRanges = service.loadBalancerSourceRanges.map(\.description)
        spec.externalTrafficPolicy = service.externalTrafficPolicy.rawValue
        spec.internalTrafficPolicy = service.internalTrafficPolicy.rawValue
        if let port = service.healthCheckNodePort {
            spec.healthCheckNodePort = Int32(port.value)
        }
        if case .clientIP(let seconds) = service.sessionAffinity {
            spec.sessionAffinity = "ClientIP"
            spec.sessionAffinityConfig.clientIp.timeoutSeconds = Int32(seconds)
        }
        status.loadBalancer.ingress = service.loadBalancerAddresses.map { address in
            var ingress = ProtoLoadBalancerIngress()
            ingress.ip = address.description
            return ingress
        }
    }
}

extension ProtoServicePort {
    fileprivate init(_ port: ServicePort) {
        name = port.name
        `protocol` = port.transport.rawValue
        self.port = Int32(port.port.value)
        if let number = port.nodePort { nodePort = Int32(number.value) }
    }
}

extension ProtoEndpointSlice {
    init(_ slice: EndpointSlice) {
        metadata.name = slice.name
        metadata.namespace = slice.service.namespace
        metadata.labels[WireMetadata.Label.serviceName] = slice.service.name
        let weighted = slice.endpoints.filter { $0.weight != EndpointWeight.standard }
        if !weighted.isEmpty {
            metadata.annotations[EndpointWeight.annotation] =
                weighted.map { "\($0.address)=\($0.weight)" }.joined(separator: ",")
        }
        addressType = slice.family.rawValue
        ports = slice.ports.map { port in
            var proto = ProtoEndpointPort()
            proto.name = port.name
            proto.protocol = port.transport.rawValue
            proto.port = Int32(port.port.value)
            return proto
        }
        endpoints = slice.endpoints.map(ProtoEndpoint.init)
    }
}

extension ProtoEndpoint {
    fileprivate init(_ endpoint: Endpoint) {
        addresses = [endpoint.address.description]
        conditions.ready = endpoint.ready
        conditions.serving = endpoint.serving
        conditions.terminating = endpoint.terminating
        if let name = endpoint.nodeName { nodeName = name }
        if let name = endpoint.zone { zone = name }
        hints.forZones = endpoint.zoneHints.map(ProtoHint.init)
        hints.forNodes = endpoint.nodeHints.map(ProtoHint.init)
    }
}

extension ProtoHint {
    fileprivate init(_ name: String) {
        self.name = name
    }
}

extension ProtoNode {
    init(_ node: NodeObject) {
        metadata.name = node.name
        if let zone = node.zone { metadata.labels[WireMetadata.Label.zone] = zone }
        spec.podCidrs = node.podCIDRs.map(\.description)
        status.addresses =
            node.internalIPs.map { ProtoNodeAddress("InternalIP", $0) }
            + node.externalIPs.map { ProtoNodeAddress("ExternalIP", $0) }
    }
}

extension ProtoNodeAddress {
    fileprivate init(_ type: String, _ address: IPAddress) {
        self.type = type
        self.address = address.description
    }
}

extension ProtoServiceCIDR {
    init(_ ranges: [IPPrefix]) {
        metadata.name = "kubernetes"
        spec.cidrs = ranges.map(\.description)
    }
}
