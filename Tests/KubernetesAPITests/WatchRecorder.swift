import ServiceModel
import SwiftProtobuf

@testable import KubernetesAPI

/// Encodes objects as a watch of their resource, to be read by `WatchDecoder`.
struct WatchRecorder {
    private let resource: KubernetesResource
    private(set) var bytes: [UInt8] = []

    init(_ resource: KubernetesResource) {
        self.resource = resource
    }

    /// Adds an ADDED event.
    mutating func add(_ object: some Message) throws {
        let envelope =
            ProtobufEnvelope.magic
            + Self.field(ProtobufEnvelope.typeMeta, try typeMeta())
            + Self.field(ProtobufEnvelope.raw, try object.serializedBytes())
        let event =
            Self.field(ProtobufEventDecoder.Field.type, Array("ADDED".utf8))
            + Self.field(
                ProtobufEventDecoder.Field.object,
                Self.field(ProtobufEventDecoder.Field.raw, envelope)
            )
        unsafe withUnsafeBytes(of: UInt32(event.count).bigEndian) {
            unsafe bytes.append(contentsOf: $0)
        }
        bytes += event
    }

    private func typeMeta() throws -> [UInt8] {
        var type = ProtoTypeMeta()
        type.apiVersion = resource.apiVersion
        type.kind = resource.kind
        return try type.serializedBytes()
    }

    /// A length-delimited field (wire type 2).
    private static func field(_ number: Int, _ content: [UInt8]) -> [UInt8] {
        varint(number << 3 | 2) + varint(content.count) + content
    }

    private static func varint(_ value: Int) -> [UInt8] {
        var rest = value
        var bytes: [UInt8] = []
        repeat {
            bytes.append(UInt8(rest & 0x7f) | (rest > 0x7f ? 0x80 : 0))
            rest >>= 7
        } while rest > 0
        return bytes
    }
}

extension ClusterRecording {
    /// The first format of the file: the head, for each resource its length and a recorded watch, and a
    /// checksum.
    func encodedInFirstFormat(_ settings: DecodingSettings) throws -> [UInt8] {
        var bytes = Self.firstHead(settings)
        for resource in KubernetesResource.allCases {
            let watch = try recorded(resource)
            bytes += Self.bigEndian(UInt64(watch.count))
            bytes += watch
        }
        return bytes + Self.bigEndian(ClusterRecord.checksum(bytes[...]))
    }

    private func recorded(_ resource: KubernetesResource) throws -> [UInt8] {
        var recorder = WatchRecorder(resource)
        switch resource {
        case .services:
            for service in services.values { try recorder.add(ProtoService(service)) }
        case .endpointSlices:
            for slice in slices.values.joined() { try recorder.add(ProtoEndpointSlice(slice)) }
        case .nodes:
            if let node { try recorder.add(ProtoNode(node)) }
        case .serviceCIDRs:
            if !serviceCIDRs.isEmpty { try recorder.add(ProtoServiceCIDR(serviceCIDRs)) }
        }
        return recorder.bytes
    }

    private static func bigEndian(_ value: UInt64) -> [UInt8] {
        (0..<8).map { UInt8(truncatingIfNeeded: value >> (56 - 8 * $0)) }
    }
}
