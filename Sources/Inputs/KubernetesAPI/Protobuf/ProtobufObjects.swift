import KubernetesObjects

extension KubernetesResource {
    /// The object of a message. An undecodable object is `bad`, if at least its name can be
    /// decoded.
    func object(
        protobuf bytes: Span<UInt8>,
        _ settings: DecodingSettings
    ) throws(APIDecodingError) -> APIObject {
        let wire: WireObject
        do throws(APIDecodingError) {
            wire = try wireObject(bytes)
        } catch {
            let metadata = try ProtoNamed(wire: bytes).metadata
            return try APIObject(
                named: metadata.namespace,
                metadata.name,
                resourceVersion: metadata.resourceVersion,
                content: .bad(reason: error.reason)
            )
        }
        return try wire.object(settings)
    }

    private func wireObject(_ bytes: Span<UInt8>) throws(APIDecodingError) -> WireObject {
        switch self {
        case .services: .service(WireService(try ProtoService(wire: bytes)))
        case .endpointSlices: .slice(WireEndpointSlice(try ProtoEndpointSlice(wire: bytes)))
        case .nodes: .node(WireNode(try ProtoNode(wire: bytes)))
        case .serviceCIDRs: .serviceCIDR(WireServiceCIDR(try ProtoServiceCIDR(wire: bytes)))
        }
    }
}

extension WireMetadata {
    init(_ proto: ProtoObjectMeta) {
        self.init()
        name = proto.name
        namespace = proto.namespace
        resourceVersion = proto.resourceVersion
        deletionTimestamp = proto.hasDeletionTimestamp ? "" : nil
        labels = proto.labels
        annotations = proto.annotations
    }
}

extension WireService {
    init(_ proto: ProtoService) {
        self.init()
        metadata = WireMetadata(proto.metadata)
        spec = proto.hasSpec ? Spec(proto.spec) : nil
        if proto.status.hasLoadBalancer {
            var balancer = LoadBalancer()
            balancer.ingress = proto.status.loadBalancer.ingress.map { proto in
                var ingress = Ingress()
                ingress.ip = proto.ip
                ingress.ipMode = proto.ipMode
                return ingress
            }
            status = Status()
            status?.loadBalancer = balancer
        }
    }
}

extension WireService.Spec {
    fileprivate init(_ proto: ProtoServiceSpec) {
        self.init()
        type = proto.type
        clusterIP = proto.clusterIp
        clusterIPs = proto.clusterIps
        ports = proto.ports.map { proto in
            var port = WireService.Port()
            port.name = proto.name
            port.protocol = proto.protocol
            port.port = proto.hasPort ? Int(proto.port) : nil
            port.nodePort = Int(proto.nodePort)
            return port
        }
        externalIPs = proto.externalIps
        loadBalancerSourceRanges = proto.loadBalancerSourceRanges
        externalTrafficPolicy = proto.externalTrafficPolicy
        internalTrafficPolicy = proto.internalTrafficPolicy
        healthCheckNodePort = Int(proto.healthCheckNodePort)
        sessionAffinity = proto.sessionAffinity
        let clientIP = proto.sessionAffinityConfig.clientIp
        if clientIP.hasTimeoutSeconds {
            var config = WireService.AffinityConfig()
            config.clientIP = WireService.ClientIP()
            config.clientIP?.timeoutSeconds = Int(clientIP.timeoutSeconds)
            sessionAffinityConfig = config
        }
    }
}

extension WireEndpointSlice {
    init(_ proto: ProtoEndpointSlice) {
        self.init()
        metadata = WireMetadata(proto.metadata)
        addressType = proto.addressType
        ports = proto.ports.map { proto in
            var port = Port()
            port.name = proto.name
            port.protocol = proto.protocol
            port.port = Int(proto.port)
            return port
        }
        endpoints = proto.endpoints.map(Endpoint.init)
    }
}

extension WireEndpointSlice.Endpoint {
    fileprivate init(_ proto: ProtoEndpoint) {
        self.init()
        addresses = proto.addresses
        if proto.hasConditions {
            var conditions = WireEndpointSlice.Conditions()
            conditions.ready = proto.conditions.hasReady ? proto.conditions.ready : nil
            conditions.serving = proto.conditions.hasServing ? proto.conditions.serving : nil
            conditions.terminating =
                proto.conditions.hasTerminating ? proto.conditions.terminating : nil
            self.conditions = conditions
        }
        nodeName = proto.nodeName
        zone = proto.zone
        if proto.hasHints {
            var hints = WireEndpointSlice.Hints()
            hints.forZones = proto.hints.forZones.map(WireEndpointSlice.Hint.init)
            hints.forNodes = proto.hints.forNodes.map(WireEndpointSlice.Hint.init)
            self.hints = hints
        }
    }
}

extension WireEndpointSlice.Hint {
    fileprivate init(_ proto: ProtoHint) {
        self.init()
        name = proto.name
    }
}

extension WireNode {
    fileprivate init(_ proto: ProtoNode) {
        metadata = WireMetadata(proto.metadata)
        spec = Spec(
            podCIDR: proto.spec.podCidr,
            podCIDRs: proto.spec.podCidrs,
            taints: proto.spec.taints.map { Taint(key: $0.key) }
        )
        status = Status(
            addresses: proto.status.addresses.map { Address(type: $0.type, address: $0.address) }
        )
    }
}

extension WireServiceCIDR {
    fileprivate init(_ proto: ProtoServiceCIDR) {
        metadata = WireMetadata(proto.metadata)
        spec = Spec(cidrs: proto.spec.cidrs)
    }
}

extension APIStatus {
    init(_ proto: ProtoStatus) {
        self.init(
            code: Int(proto.code),
            reason: proto.reason,
            message: proto.message,
            retryAfterSeconds: proto.details.retryAfterSeconds > 0
                ? Int(proto.details.retryAfterSeconds) : nil,
            causes: proto.details.causes.map(\.reason)
        )
    }
}
