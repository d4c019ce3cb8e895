import Addressing
import PrintableText
package import ServiceModel

extension WireService {
    /// Converts the Service for the proxy named `serviceProxyName` (empty for the cluster's default
    /// proxy); nil for Services that it does not serve: headless, ExternalName, another proxy's.
    /// Unusable addresses and source ranges are added to `leftOut`, and the Service is used without
    /// them.
    package func service(
        _ name: ServiceName,
        serviceProxyName: String,
        leftOut: inout [ObjectError]
    ) throws(ObjectError) -> Service? {
        let proxy = metadata?.label(WireMetadata.Label.serviceProxyName) ?? ""
        guard proxy == serviceProxyName else { return nil }
        guard let spec else { throw ObjectError(FieldPath("spec"), "is missing") }
        guard let kind = try spec.kind(), let clusterIPs = try spec.soleClusterIPs() else {
            return nil
        }
        var service = Service(name: name, kind: kind, clusterIPs: clusterIPs)
        service.ports = try spec.servicePorts()
        service.externalIPs = FieldValues.externalAddresses(
            spec.externalIPs,
            FieldPath("spec", "externalIPs"),
            &leftOut
        )
        service.loadBalancerSourceRanges = FieldValues.sourceRanges(
            spec.loadBalancerSourceRanges,
            FieldPath("spec", "loadBalancerSourceRanges"),
            &leftOut
        )
        service.loadBalancerAddresses = loadBalancerAddresses(&leftOut)
        service.externalTrafficPolicy = try spec.policy(
            spec.externalTrafficPolicy,
            "externalTrafficPolicy"
        )
        service.internalTrafficPolicy = try spec.policy(
            spec.internalTrafficPolicy,
            "internalTrafficPolicy"
        )
        service.healthCheckNodePort = try FieldValues.optionalPort(
            spec.healthCheckNodePort,
            FieldPath("spec", "healthCheckNodePort")
        )
        service.sessionAffinity = try spec.affinity()
        try ObjectLimits.check(service)
        service.scheduler = try annotated(Scheduler.annotation, of: Scheduler.self)
        service.forwarding = try annotated(Forwarding.annotation, of: Forwarding.self) ?? .nat
        return service
    }

    /// Addresses with `ipMode` VIP; those of mode Proxy belong to the load balancer (KEP-1860). An
    /// unknown mode is not VIP, so its address is left out.
    private func loadBalancerAddresses(_ leftOut: inout [ObjectError]) -> [IPAddress] {
        var result: [IPAddress] = []
        for (index, ingress) in (status?.loadBalancer?.ingress ?? []).enumerated() {
            func path(_ field: FieldPath.Step) -> FieldPath {
                FieldPath("status", "loadBalancer", "ingress", .element(index), field)
            }
            do throws(ObjectError) {
                let address = try FieldValues.externalAddress(ingress.ip, path("ip"))
                let mode = try FieldValues.choice(ingress.ipMode, of: IPMode.self, path("ipMode"))
                if let address, mode != .proxy { result.append(address) }
            } catch {
                leftOut.append(error.adding("this address is left out"))
            }
        }
        return result
    }

    private enum IPMode: String, CaseIterable {
        case vip = "VIP"
        case proxy = "Proxy"
    }

    private func annotated<Choice: RawRepresentable<String> & CaseIterable>(
        _ annotation: String,
        of type: Choice.Type
    ) throws(ObjectError) -> Choice? {
        guard let text = metadata?.annotation(annotation) else { return nil }
        return try FieldValues.choice(
            text,
            of: type,
            FieldPath("metadata", "annotations", .field(annotation))
        )
    }
}

extension WireService.Spec {
    fileprivate func kind() throws(ObjectError) -> ServiceKind? {
        if type == "ExternalName" { return nil }
        return try FieldValues.choice(type, of: ServiceKind.self, FieldPath("spec", "type"))
            ?? .clusterIP
    }

    /// At most one address per family; nil if the Service has none.
    fileprivate func soleClusterIPs() throws(ObjectError) -> [IPAddress]? {
        if clusterIP == "None" || clusterIPs?.contains("None") == true { return nil }
        var addresses = try FieldValues.addresses(clusterIPs, FieldPath("spec", "clusterIPs"))
        if addresses.isEmpty {
            let path = FieldPath("spec", "clusterIP")
            if let address = try FieldValues.address(clusterIP, path) { addresses = [address] }
        }
        guard !addresses.isEmpty else { return nil }
        var result: [IPAddress] = []
        for address in addresses where !result.contains(where: { $0.family == address.family }) {
            result.append(address)
        }
        return result
    }

    fileprivate func servicePorts() throws(ObjectError) -> [ServicePort] {
        var result: [ServicePort] = []
        result.reserveCapacity(ports?.count ?? 0)
        for (index, port) in (ports ?? []).enumerated() {
            func path(_ field: FieldPath.Step) -> FieldPath {
                FieldPath("spec", "ports", .element(index), field)
            }
            result.append(
                ServicePort(
                    name: try ObjectNames.portName(port.name, path("name")),
                    transport: try FieldValues.transport(port.protocol, path("protocol")),
                    port: try FieldValues.port(port.port, path("port")),
                    nodePort: try FieldValues.optionalPort(port.nodePort, path("nodePort"))
                )
            )
        }
        return result
    }

    fileprivate func policy(
        _ text: String?,
        _ field: FieldPath.Step
    ) throws(ObjectError) -> TrafficPolicy {
        try FieldValues.choice(text, of: TrafficPolicy.self, FieldPath("spec", field)) ?? .cluster
    }

    fileprivate func affinity() throws(ObjectError) -> SessionAffinity {
        switch sessionAffinity ?? "" {
        case "", "None": return .none
        case "ClientIP":
            let seconds = sessionAffinityConfig?.clientIP?.timeoutSeconds ?? 10800
            guard (1...86400).contains(seconds) else {
                throw ObjectError(
                    FieldPath("spec", "sessionAffinityConfig", "clientIP", "timeoutSeconds"),
                    "\(seconds) is not in 1...86400"
                )
            }
            return .clientIP(timeoutSeconds: UInt32(seconds))
        case let text:
            throw ObjectError(
                FieldPath("spec", "sessionAffinity"),
                "\(quoted(text)) is not one of None, ClientIP"
            )
        }
    }
}
