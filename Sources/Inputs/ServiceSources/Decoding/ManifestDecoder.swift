package import AnnotatedYAML
import KubernetesObjects
import PrintableText
import ServiceModel

/// Decodes a manifest: Kubernetes objects as `kubectl get -o yaml` or `-o json` prints them, lists
/// of them, and the short form, in any mix. Other kinds are skipped, and so are kinds of the same name
/// in API groups that are not Kubernetes' own.
package struct ManifestDecoder: Sendable {
    /// The label value (`service.kubernetes.io/service-proxy-name`) of the Services to serve; empty
    /// serves those without the label.
    package var serviceProxyName: String

    /// The kinds that are read, each in the version whose fields are.
    private static let versions = [
        "Service": "v1", "Endpoints": "v1", "EndpointSlice": "discovery.k8s.io/v1",
    ]

    /// What the type of a list says of its elements, which need not repeat it.
    private struct ItemType {
        var kind: String
        var apiVersion: String?
    }

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
        let type = ItemType(kind: kind, apiVersion: Self.versions[kind])
        for (value, path) in values {
            decodeItem(value, path: path, type, into: &manifest)
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
                // The items of a typed list have no `kind`, and no `apiVersion`.
                let type: ItemType? =
                    kind == "List"
                    ? nil
                    : ItemType(
                        kind: String(kind.dropLast(4)),
                        apiVersion: try fields.string("apiVersion")
                    )
                for (item, itemPath) in try fields.list("items") {
                    decodeItem(item, path: itemPath, type, into: &manifest)
                }
                return
            }
            decodeObject(fields, ItemType(kind: kind), into: &manifest)
        } catch {
            manifest.refuse(nil, error)
        }
    }

    private func decodeItem(
        _ item: YAMLValue,
        path: String,
        _ type: ItemType?,
        into manifest: inout DecodedManifest
    ) {
        guard let type, let fields = try? Fields(item, path: path),
            fields.value("kind") == nil
        else {
            decode(item, path: path, into: &manifest)
            return
        }
        decodeObject(fields, type, into: &manifest)
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

    /// An `apiVersion` of the object itself takes precedence over that of `type`.
    private func decodeObject(
        _ fields: Fields,
        _ type: ItemType,
        into manifest: inout DecodedManifest
    ) {
        guard let known = Self.versions[type.kind] else { return }
        var key: DecodedObject.Key?
        do throws(FieldError) {
            let version = try fields.string("apiVersion") ?? type.apiVersion ?? ""
            guard Self.isOfKubernetes(version) else { return }
            guard let metadata = try fields.fields("metadata") else {
                throw fields.error("metadata", "is missing")
            }
            let namespace =
                metadata.value("namespace") == nil
                ? "default" : try metadata.objectName("namespace")
            let name = try metadata.objectName("name")
            let named = DecodedObject.Key(kind: type.kind, namespace: namespace, name: name)
            key = named
            guard version == known else {
                throw fields.error(
                    "apiVersion",
                    version.isEmpty ? "is missing" : "\(quoted(version)) is not \(known)"
                )
            }
            var leftOut: [FieldError] = []
            let contents = try contents(fields, named, &leftOut)
            manifest.add(DecodedObject(key: named, line: fields.line, contents: contents))
            let summary = { (count: Int) in
                FieldError(
                    line: fields.line,
                    path: "",
                    reason: "\(count) more values are left out"
                )
            }
            manifest.bad += leftOut.shortened(summary).map {
                BadObject(key: named, line: $0.line, reason: $0.description)
            }
        } catch {
            manifest.refuse(key, error)
        }
    }

    /// Whether the group is one that the kinds which are read are in, whatever the version.
    private static func isOfKubernetes(_ apiVersion: String) -> Bool {
        guard let slash = apiVersion.firstIndex(of: "/") else { return true }
        return apiVersion[..<slash] == "discovery.k8s.io"
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
