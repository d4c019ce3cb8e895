/// Bodies of answers: lists, events and statuses in one encoding.
struct AnswerEncoder: Sendable {
    let encoding: ServedEncoding
    let resource: ServedResource

    private static let prefix: [UInt8] = [0x6b, 0x38, 0x73, 0x00]

    func list(_ objects: some Sequence<ClusterObject>, version: Int, next: String) -> [UInt8] {
        switch encoding {
        case .protobuf:
            var writer = ProtobufWriter()
            writer.message(1) {
                $0.string(1, "")
                $0.string(2, "\(version)")
                $0.string(3, next)
            }
            for object in objects { writer.data(2, object.bytes(.protobuf)) }
            return enveloped(writer.bytes, kind: "\(resource.kind)List")
        case .json:
            let head = JSONObject.mapping([
                ("resourceVersion", JSONObject.text("\(version)")),
                ("continue", JSONObject.text(next)),
            ])
            var bytes = Array("{\(typeMembers("\(resource.kind)List")),\"metadata\":\(head)".utf8)
            bytes += ",\"items\":[".utf8
            for (index, object) in objects.enumerated() {
                if index > 0 { bytes.append(UInt8(ascii: ",")) }
                bytes += object.bytes(.json)
            }
            bytes += "]}".utf8
            return bytes
        }
    }

    func event(_ kind: TestCluster.ChangeKind, _ object: ClusterObject) -> [UInt8] {
        event(kind.rawValue, self.object(object))
    }

    /// With its kind.
    func object(_ object: ClusterObject) -> [UInt8] {
        switch encoding {
        case .protobuf: enveloped(object.bytes(.protobuf), kind: resource.kind)
        case .json:
            Array("{\(typeMembers(resource.kind)),".utf8) + object.bytes(.json).dropFirst()
        }
    }

    func bookmark(version: Int, endsInitialEvents: Bool) -> [UInt8] {
        switch encoding {
        case .protobuf:
            var writer = ProtobufWriter()
            writer.message(1) {
                $0.string(6, "\(version)")
                if endsInitialEvents { $0.map(12, [("k8s.io/initial-events-end", "true")]) }
            }
            return event("BOOKMARK", enveloped(writer.bytes, kind: resource.kind))
        case .json:
            var metadata = [("resourceVersion", JSONObject.text("\(version)"))]
            if endsInitialEvents {
                metadata.append(("annotations", "{\"k8s.io/initial-events-end\":\"true\"}"))
            }
            let text =
                "{\(typeMembers(resource.kind)),\"metadata\":\(JSONObject.mapping(metadata))}"
            return event("BOOKMARK", Array(text.utf8))
        }
    }

    func failure(_ status: ServedStatus) -> [UInt8] {
        event("ERROR", self.status(status))
    }

    func status(_ status: ServedStatus) -> [UInt8] {
        switch encoding {
        case .protobuf:
            var writer = ProtobufWriter()
            writer.message(1) { _ in }
            writer.string(2, "Failure")
            writer.string(3, status.message)
            writer.string(4, status.reason)
            writer.message(5) { details in
                if let cause = status.cause { details.message(4) { $0.string(1, cause) } }
                details.integer(5, status.retryAfterSeconds ?? 0)
            }
            writer.integer(6, status.code)
            return enveloped(writer.bytes, kind: "Status", apiVersion: "v1")
        case .json:
            var details = [("retryAfterSeconds", "\(status.retryAfterSeconds ?? 0)")]
            if let cause = status.cause {
                details.append(("causes", "[{\"reason\":\(JSONObject.text(cause))}]"))
            }
            let text = JSONObject.mapping([
                ("kind", "\"Status\""), ("apiVersion", "\"v1\""), ("metadata", "{}"),
                ("status", "\"Failure\""), ("message", JSONObject.text(status.message)),
                ("reason", JSONObject.text(status.reason)),
                ("details", JSONObject.mapping(details)), ("code", "\(status.code)"),
            ])
            return Array(text.utf8)
        }
    }

    private func event(_ type: String, _ object: [UInt8]) -> [UInt8] {
        switch encoding {
        case .protobuf:
            var writer = ProtobufWriter()
            writer.string(1, type)
            writer.message(2) { $0.data(1, object) }
            let length = UInt32(writer.bytes.count)
            return withUnsafeBytes(of: length.bigEndian) { Array($0) } + writer.bytes
        case .json:
            return Array("{\"type\":\"\(type)\",\"object\":".utf8) + object + Array("}\n".utf8)
        }
    }

    private func enveloped(
        _ message: [UInt8],
        kind: String,
        apiVersion: String? = nil
    ) -> [UInt8] {
        var writer = ProtobufWriter()
        writer.message(1) {
            $0.string(1, apiVersion ?? resource.apiVersion)
            $0.string(2, kind)
        }
        writer.data(2, message)
        writer.string(3, "")
        writer.string(4, "")
        return Self.prefix + writer.bytes
    }

    private func typeMembers(_ kind: String) -> String {
        "\"kind\":\"\(kind)\",\"apiVersion\":\"\(resource.apiVersion)\""
    }
}
