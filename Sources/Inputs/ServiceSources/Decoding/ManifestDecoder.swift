package import AnnotatedYAML
import KubernetesObjects
import PrintableText
import ServiceModel

/// Decodes a manifest: Kubernetes objects as `kubectl get -o yaml` or `-o json` prints them, lists
/// of them, and the short form, in any mix. Other Kubernetes kinds are skipped.
package struct ManifestDecoder: Sendable {
    /// The label value (`service.kubernetes.io/service-proxy-name`) of the Services to serve; empty
    /// serves those without the label.
    package var serviceProxyName: String

    package init(serviceProxyName: String = "") {
        self.serviceProxyName = serviceProxyName
    }

    /// Never fails: valid objects are returned whatever else the text contains.
    package func decode(_ text: String) -> DecodedManifest {
        var manifest = DecodedManifest()
        for document in YAMLText.documents(text) {
            switch document {
            case .success(let value): decode(value, path: "", into: &manifest)
            case .failure(let error): manifest.refuse(nil, error)
            }
        }
        return manifest
    }

    /// Decodes elements of a list that says by itself of which kind they are.
    package func decode(
        _ values: [(value: YAMLValue, path: String)],
        kind: String
    ) -> DecodedManifest {
        var manifest = DecodedManifest()
        for (value, path) in values {
            decodeItem(value, path: path, kind: kind, into: &manifest)
        }
        return manifest
    }

    private func decode(_ value: YAMLValue, path: String, into manifest: inout DecodedManifest) {
        do throws(FieldError) {
            let fields = try Fields(value, path: path)
            if fields.value("services") != nil || fields.names.isEmpty {
                try decodeShortForm(fields, into: &manifest)
                return
            }
            let kind = try fields.requiredString("kind")
            if kind == "List" || kind.hasSuffix("List") {
                // The items of a typed list have no `kind`.
                let itemKind = kind == "List" ? nil : String(kind.dropLast(4))
                for (item, itemPath) in try fields.list("items") {
                    decodeItem(item, path: itemPath, kind: itemKind, into: &manifest)
                }
                return
            }
            decodeObject(fields, kind: kind, into: &manifest)
        } catch {
            manifest.refuse(nil, error)
        }
    }

    private func decodeItem(
        _ item: YAMLValue,
        path: String,
        kind: String?,
        into manifest: inout DecodedManifest
    ) {
        guard let kind, let fields = try? Fields(item, path: path),
            fields.value("kind") == nil
        else {
            decode(item, path: path, into: &manifest)
            return
        }
        decodeObject(fields, kind: kind, into: &manifest)
    }

    private func decodeShortForm(
        _ fields: Fields,
        into manifest: inout DecodedManifest
    ) throws(FieldError) {
        try fields.refuseUnknown(["apiVersion", "services"])
        if let version = try fields.string("apiVersion"), version != "fairlead.dev/v1" {
            throw fields.error("apiVersion", "\(quoted(version)) is not fairlead.dev/v1")
        }
        for (value, path) in try fields.list("services") {
            decodeShortService(value, path: path, into: &manifest)
        }
    }

    private func decodeShortService(
        _ value: YAMLValue,
        path: String,
        into manifest: inout DecodedManifest
    ) {
        var key: DecodedObject.Key?
        do throws(FieldError) {
            let fields = try Fields(value, path: path)
            let name = try ShortForm.name(fields)
            let known = DecodedObject.Key(
                kind: "Service",
                namespace: name.namespace,
                name: name.name
            )
            key = known
            let (service, slices) = try ShortForm.decode(fields, name)
            manifest.add(
                DecodedObject(
                    key: known,
                    line: value.line,
                    contents: [.service(service)] + slices.map { .slice($0) }
                )
            )
        } catch {
            manifest.refuse(key, error)
        }
    }

    private func decodeObject(
        _ fields: Fields,
        kind: String,
        into manifest: inout DecodedManifest
    ) {
        guard ["Service", "EndpointSlice", "Endpoints"].contains(kind) else { return }
        var key: DecodedObject.Key?
        do throws(FieldError) {
            guard let metadata = try fields.fields("metadata") else {
                throw fields.error("metadata", "is missing")
            }
            let namespace =
                metadata.value("namespace") == nil
                ? "default" : try metadata.objectName("namespace")
            let name = try metadata.objectName("name")
            let known = DecodedObject.Key(kind: kind, namespace: namespace, name: name)
            key = known
            var leftOut: [FieldError] = []
            let contents = try contents(fields, known, &leftOut)
            manifest.add(DecodedObject(key: known, line: fields.line, contents: contents))
            let summary = { (count: Int) in
                FieldError(
                    line: fields.line,
                    path: "",
                    reason: "\(count) more values are left out"
                )
            }
            manifest.bad += leftOut.shortened(summary).map {
                BadObject(key: known, line: $0.line, reason: $0.description)
            }
        } catch {
            manifest.refuse(key, error)
        }
    }

    private func contents(
        _ fields: Fields,
        _ key: DecodedObject.Key,
        _ leftOut: inout [FieldError]
    ) throws(FieldError) -> [DecodedObject.Content] {
        var errors: [ObjectError] = []
        defer { leftOut += errors.map(fields.located) }
        switch key.kind {
        case "Service":
            let wire = try WireService(fields, leftOut: &leftOut)
            var service = try fields.located { () throws(ObjectError) in
                try wire.service(
                    ServiceName(namespace: key.namespace, name: key.name),
                    serviceProxyName: serviceProxyName,
                    leftOut: &errors
                )
            }
            if let ports = service?.ports {
                service?.healthCheck = try fields.annotatedHealthCheck(ports: ports)
            }
            return [service.map { .service($0) } ?? .ignored]
        case "EndpointSlice":
            let wire = try WireEndpointSlice(fields, leftOut: &leftOut)
            let slice = try fields.located { () throws(ObjectError) in
                try wire.slice(namespace: key.namespace, name: key.name, leftOut: &errors)
            }
            return [slice.map { .slice($0) } ?? .ignored]
        default:
            return try LegacyEndpoints.slices(
                fields,
                namespace: key.namespace,
                name: key.name,
                leftOut: &leftOut
            ).map { .slice($0) }
        }
    }
}

extension DecodedManifest {
    /// Records an unusable object. Without a key, any object may be missing from the manifest.
    fileprivate mutating func refuse(_ key: DecodedObject.Key?, _ error: FieldError) {
        isTorn = isTorn || key == nil
        bad.append(BadObject(key: key, line: error.line, reason: error.description))
    }

    /// The first of two objects with the same key in a file wins.
    fileprivate mutating func add(_ object: DecodedObject) {
        if let first = lines[object.key] {
            bad.append(
                BadObject(
                    key: object.key,
                    line: object.line,
                    reason: "given twice; the one on line \(first) is used"
                )
            )
            return
        }
        lines[object.key] = object.line
        objects.append(object)
    }
}
