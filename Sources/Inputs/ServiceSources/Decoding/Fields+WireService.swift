import AnnotatedYAML
import KubernetesObjects
import ServiceModel

extension WireMetadata {
    /// Reads only the labels and annotations that affect the proxy.
    init(_ object: Fields) throws(FieldError) {
        self.init()
        guard let metadata = try object.fields("metadata") else { return }
        labels = try metadata.texts(
            "labels",
            [Label.serviceProxyName, Label.serviceName, Label.headless]
        )
        annotations = try metadata.texts(
            "annotations",
            [Scheduler.annotation, Forwarding.annotation, EndpointWeight.annotation]
        )
    }
}

extension WireService {
    /// A malformed ingress entry is added to `leftOut`.
    init(_ object: Fields, leftOut: inout [FieldError]) throws(FieldError) {
        self.init()
        metadata = try WireMetadata(object)
        spec = try object.fields("spec").map(Spec.init)
        if let balancer = try object.fields("status")?.fields("loadBalancer") {
            status = Status()
            status?.loadBalancer = LoadBalancer()
            status?.loadBalancer?.ingress = try balancer.elements(
                "ingress",
                Ingress.init,
                insteadOf: { (error) in
                    leftOut.append(error.adding("this address is left out"))
                    return Ingress()
                }
            )
        }
    }
}

extension WireService.Spec {
    fileprivate init(_ spec: Fields) throws(FieldError) {
        self.init()
        type = try spec.string("type")
        clusterIP = try spec.string("clusterIP")
        clusterIPs = try spec.strings("clusterIPs").map(\.text)
        ports = try spec.elements("ports", WireService.Port.init)
        externalIPs = try spec.strings("externalIPs").map(\.text)
        loadBalancerSourceRanges = try spec.strings("loadBalancerSourceRanges").map(\.text)
        externalTrafficPolicy = try spec.string("externalTrafficPolicy")
        internalTrafficPolicy = try spec.string("internalTrafficPolicy")
        healthCheckNodePort = try spec.integer("healthCheckNodePort")
        sessionAffinity = try spec.string("sessionAffinity")
        let config = try spec.fields("sessionAffinityConfig")
        if let clientIP = try config?.fields("clientIP") {
            sessionAffinityConfig = WireService.AffinityConfig()
            sessionAffinityConfig?.clientIP = WireService.ClientIP()
            sessionAffinityConfig?.clientIP?.timeoutSeconds =
                try clientIP.integer("timeoutSeconds")
        }
    }
}

extension WireService.Port {
    fileprivate init(_ fields: Fields) throws(FieldError) {
        self.init()
        name = try fields.string("name")
        `protocol` = try fields.string("protocol")
        port = try fields.integer("port")
        nodePort = try fields.integer("nodePort")
    }
}

extension WireService.Ingress {
    fileprivate init(_ fields: Fields) throws(FieldError) {
        self.init()
        ip = try fields.string("ip")
        ipMode = try fields.string("ipMode")
    }
}

extension Fields {
    /// An integer of any size.
    func integer(_ name: String) throws(FieldError) -> Int? {
        try integer(name, in: Int.min...Int.max)
    }

    /// The elements of a list of mappings.
    func elements<Element>(
        _ name: String,
        _ read: (Fields) throws(FieldError) -> Element
    ) throws(FieldError) -> [Element] {
        var result: [Element] = []
        for (value, path) in try list(name) { result.append(try read(Fields(value, path: path))) }
        return result
    }

    /// As `elements`, but replaces an unreadable element with the result of `insteadOf`, so that
    /// the others keep their positions.
    func elements<Element>(
        _ name: String,
        _ read: (Fields) throws(FieldError) -> Element,
        insteadOf: (FieldError) -> Element
    ) throws(FieldError) -> [Element] {
        var result: [Element] = []
        for (value, path) in try list(name) {
            do throws(FieldError) {
                result.append(try read(Fields(value, path: path)))
            } catch {
                result.append(insteadOf(error))
            }
        }
        return result
    }

    /// The named entries of a mapping of texts.
    fileprivate func texts(
        _ name: String,
        _ wanted: [String]
    ) throws(FieldError) -> [String: String] {
        guard let mapping = try fields(name) else { return [:] }
        var result: [String: String] = [:]
        for key in wanted { result[key] = try mapping.string(key) }
        return result
    }

    /// Calls `read`, and adds the field's line to its error.
    func located<Value>(
        _ read: () throws(ObjectError) -> Value
    ) throws(FieldError) -> Value {
        do throws(ObjectError) {
            return try read()
        } catch {
            throw located(error)
        }
    }

    /// An error about a nested field, with its line.
    func located(_ error: ObjectError) -> FieldError {
        let place = "\(error.path)"
        return FieldError(
            line: line(of: error.path),
            path: path.isEmpty || place.isEmpty ? path + place : "\(path).\(place)",
            reason: error.reason
        )
    }

    /// The line of a nested field, or of the innermost existing part of its path.
    private func line(of path: FieldPath) -> Int {
        var line = line
        guard case .field(let name) = path.steps.first, var value = value(name) else {
            return line
        }
        for step in path.steps.dropFirst() {
            line = value.line
            switch (step, value.content) {
            case (.field(let name), .mapping(let entries)):
                guard let entry = entries.first(where: { $0.key == name }) else { return line }
                value = entry.value
            case (.element(let index), .sequence(let elements)):
                guard elements.indices.contains(index) else { return line }
                value = elements[index]
            default: return line
            }
        }
        return value.line
    }
}

extension FieldError {
    /// Adds what happens to the object without the field.
    func adding(_ consequence: String) -> FieldError {
        FieldError(line: line, path: path, reason: "\(reason); \(consequence)")
    }
}
