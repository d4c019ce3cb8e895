import Addressing
import AnnotatedYAML
import PrintableText
import ServiceModel
import ServiceSources

/// Converts the file of Cilium's `--lb-state-file`: Kubernetes Services below `services`, and their
/// EndpointSlices below `endpoints`, without kinds.
struct CiliumState {
    private var converted = Converted()
    private var services: [(line: Int, service: Service)] = []
    private var slices: [ServiceName: [(line: Int, slice: EndpointSlice)]] = [:]

    /// - Throws: an error if a document is not valid or none of Cilium's, as its Services would
    ///   otherwise be missing from the result.
    static func convert(_ text: String) throws(FieldError) -> Converted {
        var state = CiliumState()
        for document in YAMLText.documents(text) {
            try state.read(Fields(document.get()))
        }
        state.join()
        return state.converted
    }

    private mutating func read(_ fields: Fields) throws(FieldError) {
        let known = ["services", "endpoints"]
        guard fields.names.contains(where: known.contains) else {
            throw FieldError(
                line: fields.line,
                path: "",
                reason: "neither services nor endpoints are in the document"
            )
        }
        for name in fields.names where !known.contains(name) {
            converted.leaveOut(
                fields.line(of: name),
                "",
                "\(printable(name)): unknown field; it is left out"
            )
        }
        let decoder = ManifestDecoder()
        let listed = try fields.list("services")
        for (value, path) in listed { nameAnnotations(value, path) }
        take(decoder.decode(listed, kind: "Service"))
        take(decoder.decode(try fields.list("endpoints"), kind: "EndpointSlice"))
    }

    /// Cilium's annotations change what it does with a Service.
    private mutating func nameAnnotations(_ value: YAMLValue, _ path: String) {
        guard let metadata = try? Fields(value, path: path).fields("metadata"),
            let annotations = try? metadata.fields("annotations")
        else { return }
        let name = (try? metadata.string("name")).flatMap { $0 } ?? ""
        let namespace = (try? metadata.string("namespace")).flatMap { $0 } ?? "default"
        for key in annotations.names where key.contains("cilium.io/") {
            converted.leaveOut(
                annotations.line(of: key),
                printable("\(namespace)/\(name)"),
                "annotation \(printable(key)): no equivalent; the Service is as without it"
            )
        }
    }

    private mutating func take(_ manifest: DecodedManifest) {
        for bad in manifest.bad {
            let object = bad.key.map { "\($0.namespace)/\($0.name)" } ?? ""
            converted.leaveOut(bad.line, object, bad.reason)
        }
        for object in manifest.objects {
            for content in object.contents {
                switch content {
                case .service(let service): services.append((object.line, service))
                case .slice(let slice):
                    slices[slice.service, default: []].append((object.line, slice))
                case .ignored:
                    converted.note(
                        object.line,
                        "\(object.key.namespace)/\(object.key.name)",
                        "no proxy serves it: it is headless, an ExternalName, another proxy's, or endpoints of no Service"
                    )
                }
            }
        }
    }

    private mutating func join() {
        for (line, service) in services {
            let own = slices.removeValue(forKey: service.name) ?? []
            converted.services.append(joined(line, service, own))
        }
        let orphans = slices.values.joined().sorted { $0.line < $1.line }
        for (line, slice) in orphans {
            converted.leaveOut(
                line,
                printable("\(slice.service.namespace)/\(slice.name)"),
                "endpoints of a Service that is not in the file; they are left out"
            )
        }
    }

    private mutating func joined(
        _ line: Int,
        _ service: Service,
        _ slices: [(line: Int, slice: EndpointSlice)]
    ) -> ConvertedService {
        let first = slices.lazy.compactMap { Self.targets($0.slice, service) }.first
        var result = ConvertedService(
            line: line,
            service: service,
            targets: first ?? service.ports.map(\.port)
        )
        nameHealthPort(line, &result.service)
        for (sliceLine, slice) in slices {
            let object = "\(service.name): \(printable(slice.name))"
            guard let targets = Self.targets(slice, service) else {
                converted.leaveOut(
                    sliceLine,
                    object,
                    "its ports are not all of the Service's ports; its endpoints are left out"
                )
                continue
            }
            let isOther = targets != result.targets
            guard !isOther || targets.count == 1 else {
                converted.leaveOut(
                    sliceLine,
                    object,
                    "its endpoints listen on other ports than the first ones, and the Service has several; they are left out"
                )
                continue
            }
            nameHints(slice, sliceLine, object)
            result.members += slice.endpoints.map {
                ConvertedService.Member(endpoint: $0, port: isOther ? targets[0] : nil)
            }
        }
        return result
    }

    /// The port is where the load balancer asks; only this kind of Service has it, and in the short form
    /// only with an address of the load balancer.
    private mutating func nameHealthPort(_ line: Int, _ service: inout Service) {
        guard let port = service.healthCheckNodePort,
            service.kind != .loadBalancer || service.loadBalancerAddresses.isEmpty
        else { return }
        service.healthCheckNodePort = nil
        guard service.kind == .loadBalancer else { return }
        converted.leaveOut(
            line,
            "\(service.name)",
            "healthCheckNodePort \(port): no equivalent without an address of the load balancer; its health checks are not answered"
        )
    }

    private mutating func nameHints(_ slice: EndpointSlice, _ line: Int, _ object: String) {
        let hinted = slice.endpoints.count { !$0.zoneHints.isEmpty || !$0.nodeHints.isEmpty }
        guard hinted > 0 else { return }
        converted.leaveOut(
            line,
            object,
            "hints: no equivalent; endpoints are used in any zone, also the \(hinted) with hints"
        )
    }

    /// The slice's port for each port of the Service; nil unless it has them all.
    private static func targets(_ slice: EndpointSlice, _ service: Service) -> [PortNumber]? {
        let targets = service.ports.compactMap { port in
            slice.ports.first { $0.name == port.name && $0.transport == port.transport }?.port
        }
        return targets.count == service.ports.count ? targets : nil
    }
}
