import KubernetesObjects

/// The Status in the body of a response that is not 200; nil if there is none.
package func decodeStatus(_ body: [UInt8], mediaType: APIMediaType) -> APIStatus? {
    switch mediaType {
    case .protobuf:
        guard let envelope = try? ProtobufEnvelope(body.span), envelope.kind == "Status" else {
            return nil
        }
        return try? APIStatus(ProtoStatus(wire: body.span.extracting(envelope.raw)))
    case .json:
        guard let status = try? JSONDocument.decode(JSONStatus.self, body),
            status.kind == "Status"
        else { return nil }
        return status.status
    }
}
