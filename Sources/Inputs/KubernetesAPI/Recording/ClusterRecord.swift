package import Addressing
package import ServiceModel
import SwiftProtobuf

/// One entry of a cluster's file: the state of one Service with its slices, or of what is known besides
/// them. A later record of the same subject replaces an earlier one.
///
/// A record is the length of its body (32 bits), a checksum of the body (FNV-1a, 64 bits), and the body: a
/// byte for the kind, then fields, each a byte for its meaning, a length (32 bits) and that many bytes.
/// Numbers are big-endian. Equal records have equal bytes.
package enum ClusterRecord: Sendable, Equatable {
    /// Neither Service nor slices: it is gone.
    case service(ServiceName, Service?, [EndpointSlice])
    case facts(NodeObject?, serviceCIDRs: [IPPrefix])
    /// Everything before is one complete state.
    case baseEnd

    private enum Kind: UInt8 {
        case service = 1
        case facts, baseEnd
    }

    fileprivate enum Field: UInt8 {
        case namespace = 1
        case name, service, slice, node, serviceCIDRs
    }

    /// Bytes before the body.
    package static let headerLength = 12

    /// What a record is about.
    package enum Subject: Hashable, Sendable {
        case service(ServiceName)
        case facts
        case baseEnd
    }

    package var subject: Subject {
        switch self {
        case .service(let name, _, _): .service(name)
        case .facts: .facts
        case .baseEnd: .baseEnd
        }
    }

    // MARK: - Encoding

    /// Adds the record to `bytes`; returns its checksum.
    ///
    /// - Throws: `APIDecodingError` for a body of 4 GiB or more.
    @discardableResult
    package func append(to bytes: inout [UInt8]) throws -> UInt64 {
        let start = bytes.count
        bytes.append(contentsOf: repeatElement(0, count: Self.headerLength))
        switch self {
        case .service(let name, let service, let slices):
            bytes.append(Kind.service.rawValue)
            try Self.add(.namespace, name.namespace.utf8, to: &bytes)
            try Self.add(.name, name.name.utf8, to: &bytes)
            if let service { try Self.add(.service, ProtoService(service), to: &bytes) }
            for slice in slices { try Self.add(.slice, ProtoEndpointSlice(slice), to: &bytes) }
        case .facts(let node, let ranges):
            bytes.append(Kind.facts.rawValue)
            if let node { try Self.add(.node, ProtoNode(node), to: &bytes) }
            if !ranges.isEmpty {
                try Self.add(.serviceCIDRs, ProtoServiceCIDR(ranges), to: &bytes)
            }
        case .baseEnd: bytes.append(Kind.baseEnd.rawValue)
        }
        let body = start + Self.headerLength
        let sum = Self.checksum(bytes[body...])
        Self.put(UInt64(try Self.length(bytes.count - body)), 4, at: start, in: &bytes)
        Self.put(sum, 8, at: start + 4, in: &bytes)
        return sum
    }

    private static func add(
        _ field: Field,
        _ message: some Message,
        to bytes: inout [UInt8]
    ) throws {
        // Maps have no order of their own.
        var options = BinaryEncodingOptions()
        options.useDeterministicOrdering = true
        let content: [UInt8] = try message.serializedBytes(options: options)
        try add(field, content, to: &bytes)
    }

    private static func add(
        _ field: Field,
        _ content: some Collection<UInt8>,
        to bytes: inout [UInt8]
    ) throws {
        let start = bytes.count
        bytes.append(contentsOf: [field.rawValue, 0, 0, 0, 0])
        put(UInt64(try length(content.count)), 4, at: start + 1, in: &bytes)
        bytes.append(contentsOf: content)
    }

    private static func length(_ count: Int) throws -> UInt32 {
        guard let length = UInt32(exactly: count) else {
            throw APIDecodingError(reason: "\(count) bytes are too many for a record")
        }
        return length
    }

    private static func put(_ value: UInt64, _ size: Int, at start: Int, in bytes: inout [UInt8]) {
        for index in 0..<size {
            bytes[start + index] = UInt8(truncatingIfNeeded: value >> (8 * (size - 1 - index)))
        }
    }

    // MARK: - Decoding

    /// The length of the body and its checksum, from `headerLength` bytes.
    package static func header(_ bytes: ArraySlice<UInt8>) -> (length: Int, checksum: UInt64) {
        (Int(number(bytes.prefix(4))), number(bytes.dropFirst(4)))
    }

    package static func checksum(_ body: ArraySlice<UInt8>) -> UInt64 {
        var sum: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in body { sum = (sum ^ UInt64(byte)) &* 0x100_0000_01b3 }
        return sum
    }

    private static func number(_ bytes: ArraySlice<UInt8>) -> UInt64 {
        bytes.reduce(0) { $0 << 8 | UInt64($1) }
    }

    /// What a body is about, without decoding its objects.
    ///
    /// - Throws: `APIDecodingError` for a body of another form.
    package static func subject(of body: ArraySlice<UInt8>) throws -> Subject {
        switch try kind(of: body) {
        case .facts: return .facts
        case .baseEnd: return .baseEnd
        case .service:
            var names: [Field: String] = [:]
            try fields(of: body) { field, content in
                guard field == .namespace || field == .name else { return false }
                names[field] = String(decoding: content, as: UTF8.self)
                return names.count < 2
            }
            guard let namespace = names[.namespace], let name = names[.name] else {
                throw APIDecodingError(reason: "a record lacks its name")
            }
            return .service(ServiceName(namespace: namespace, name: name))
        }
    }

    /// Decodes a body.
    ///
    /// - Throws: `APIDecodingError` for a body of another form.
    package init(_ body: ArraySlice<UInt8>) throws {
        var service: Service?
        var slices: [EndpointSlice] = []
        var node: NodeObject?
        var ranges: [IPPrefix] = []
        let subject = try Self.subject(of: body)
        try Self.fields(of: body) { field, content in
            guard let resource = field.resource else { return true }
            // Recorded without the service-proxy-name label: the file's head identifies the proxy.
            let object = try resource.object(protobuf: content.span, DecodingSettings())
            switch object.content {
            case .service(let value):
                service = value
                service?.origin = .cluster
            case .slice(let value, _): slices.append(value)
            case .node(let value): node = value
            case .serviceCIDR(let value): ranges = value
            case .ignored: break
            case .bad(let reason): throw APIDecodingError(reason: "\(object.key): \(reason)")
            }
            return true
        }
        switch subject {
        case .service(let name): self = .service(name, service, slices)
        case .facts: self = .facts(node, serviceCIDRs: ranges)
        case .baseEnd: self = .baseEnd
        }
    }

    private static func kind(of body: ArraySlice<UInt8>) throws -> Kind {
        guard let kind = body.first.flatMap(Kind.init) else {
            throw APIDecodingError(reason: "a record is of an unknown kind")
        }
        return kind
    }

    /// Calls `visit` with each field until it returns false.
    private static func fields(
        of body: ArraySlice<UInt8>,
        _ visit: (Field, ArraySlice<UInt8>) throws -> Bool
    ) throws {
        var rest = body.dropFirst()
        while let tag = rest.first {
            let length = Int(number(rest.dropFirst().prefix(4)))
            guard let field = Field(rawValue: tag), length <= rest.count - 5 else {
                throw APIDecodingError(reason: "a record has an unknown form")
            }
            guard try visit(field, rest.dropFirst(5).prefix(length)) else { return }
            rest = rest.dropFirst(5 + length)
        }
    }
}

extension ClusterRecord.Field {
    /// The resource of the object in the field; nil if it holds none.
    fileprivate var resource: KubernetesResource? {
        switch self {
        case .namespace, .name: nil
        case .service: .services
        case .slice: .endpointSlices
        case .node: .nodes
        case .serviceCIDRs: .serviceCIDRs
        }
    }
}
