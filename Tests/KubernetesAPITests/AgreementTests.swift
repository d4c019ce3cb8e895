import ServiceModel
import ServiceSources
import TestSupport
import Testing

@testable import KubernetesAPI

/// Protobuf, JSON and YAML decode to the same values.
@Suite("Forms of objects agree")
struct AgreementTests {
    private static let resources = KubernetesResource.allCases

    @Test(
        "A list means the same in protobuf and JSON, and its objects in a manifest",
        arguments: 1...12
    )
    func agreement(_ seed: Int) throws {
        let objects = try PythonObjects.make(seed: seed, count: 60)
        let settings = DecodingSettings(serviceProxyName: seed % 4 == 0 ? "other" : "")
        for resource in Self.resources {
            let kind = try objects[resource]
            let (protobuf, metadata) = try ListDecoder.decode(
                [kind.list.bytes(.protobuf)[...]],
                resource,
                .protobuf,
                settings
            )
            let (json, jsonMetadata) = try ListDecoder.decode(
                [kind.list.bytes(.json)[...]],
                resource,
                .json,
                settings
            )
            #expect(metadata == ListMetadata(resourceVersion: "777", continueToken: "more"))
            #expect(metadata == jsonMetadata)
            #expect(protobuf.count == 60 && json.count == 60)
            for (protobuf, json) in zip(protobuf, json) { #expect(protobuf == json) }
            guard resource == .services || resource == .endpointSlices else { continue }
            for (object, manifest) in zip(protobuf, kind.manifests) {
                try compare(object, manifest, settings)
            }
        }
    }

    private func compare(
        _ object: APIObject,
        _ manifest: String,
        _ settings: DecodingSettings
    ) throws {
        let decoder = ManifestDecoder(serviceProxyName: settings.serviceProxyName)
        let decoded = decoder.decode(manifest)
        switch object.content {
        case .bad(let reason):
            #expect(decoded.bad.map(\.reason) == [reason], "\(manifest)")
        case .service(let service):
            #expect(decoded.bad.map(\.reason) == object.leftOut, "\(manifest)")
            #expect(decoded.objects.flatMap(\.contents) == [.service(service)], "\(manifest)")
        case .slice(let slice, _):
            #expect(decoded.bad.map(\.reason) == object.leftOut, "\(manifest)")
            #expect(decoded.objects.flatMap(\.contents) == [.slice(slice)], "\(manifest)")
        case .ignored:
            #expect(decoded.objects.flatMap(\.contents) == [.ignored], "\(manifest)")
        case .node, .serviceCIDR: Issue.record("\(object)")
        }
    }

    @Test("Most of the random objects are usable, and every case occurs")
    func coverage() throws {
        let objects = try PythonObjects.make(seed: 99, count: 400)
        for resource in Self.resources {
            let (all, _) = try ListDecoder.decode(
                [try objects[resource].list.bytes(.protobuf)[...]],
                resource,
                .protobuf
            )
            let bad = all.filter { if case .bad = $0.content { true } else { false } }.count
            let ignored = all.filter { $0.content == .ignored }.count
            if resource == .services || resource == .endpointSlices {
                #expect(all.contains { !$0.leftOut.isEmpty }, "\(resource)")
            }
            #expect(bad > 0 && all.count - bad - ignored > 120, "\(resource) \(bad) \(ignored)")
        }
    }

    @Test("A watch means the same in protobuf and JSON", arguments: 21...26)
    func watches(_ seed: Int) throws {
        let objects = try PythonObjects.make(seed: seed, count: 30)
        for resource in Self.resources {
            let kind = try objects[resource]
            let protobuf = try WatchDecoder.decode(
                [kind.watch.bytes(.protobuf)[...]],
                resource,
                .protobuf
            )
            let json = try WatchDecoder.decode([kind.watch.bytes(.json)[...]], resource, .json)
            #expect(protobuf == json)
            #expect(protobuf.map(\.typeName) == kind.types)
            let (list, _) = try ListDecoder.decode(
                [kind.list.bytes(.protobuf)[...]],
                resource,
                .protobuf
            )
            #expect(protobuf.compactMap(\.object) == list)
            #expect(
                protobuf.suffix(3) == [
                    .bookmark(resourceVersion: "778", endsInitialEvents: false),
                    .bookmark(resourceVersion: "779", endsInitialEvents: true),
                    .failed(Self.expired),
                ]
            )
        }
    }

    private static let expired = APIStatus(
        code: 410,
        reason: "Expired",
        message: "too old",
        retryAfterSeconds: 3,
        causes: ["ResourceVersionTooLarge"]
    )

    @Test("A Status in place of a list is thrown", arguments: APIMediaType.allCases)
    func status(_ type: APIMediaType) throws {
        let bytes = try PythonObjects.make(seed: 31, count: 1)[.services].status.bytes(type)
        #expect(decodeStatus(bytes, mediaType: type) == Self.expired)
        #expect(Self.expired.isExpired && Self.expired.isResourceVersionTooLarge)
        #expect(throws: Self.expired) {
            try ListDecoder.decode([bytes[...]], .services, type)
        }
    }

    @Test("Other kinds are refused by name", arguments: APIMediaType.allCases)
    func otherKind(_ type: APIMediaType) throws {
        let objects = try PythonObjects.make(seed: 41, count: 2)
        let list = try objects[.nodes].list.bytes(type)
        let watch = try objects[.nodes].watch.bytes(type)
        let error = #expect(throws: APIDecodingError.self) {
            try ListDecoder.decode([list[...]], .services, type)
        }
        #expect(error?.reason == #""v1" "NodeList" received instead of v1 ServiceList"#)
        #expect(throws: APIDecodingError.self) {
            try WatchDecoder.decode([watch[...]], .services, type)
        }
        #expect(decodeStatus(list, mediaType: type) == nil)
    }

    @Test(
        "How the bytes are cut makes no difference",
        arguments: APIMediaType.allCases,
        KubernetesResource.allCases
    )
    func cuts(_ type: APIMediaType, _ resource: KubernetesResource) throws {
        let kind = try PythonObjects.make(seed: 51, count: 12)[resource]
        let list = kind.list.bytes(type)
        let watch = kind.watch.bytes(type)
        let (objects, metadata) = try ListDecoder.decode([list[...]], resource, type)
        let events = try WatchDecoder.decode([watch[...]], resource, type)
        var random = SplitMix64(seed: 51)
        for longest in [1, 2, 7, 64, 700, 5000] {
            let (cut, cutMetadata) = try ListDecoder.decode(
                list.cut(longest, &random),
                resource,
                type
            )
            #expect(cut == objects && cutMetadata == metadata, "\(longest)")
            #expect(
                try WatchDecoder.decode(watch.cut(longest, &random), resource, type) == events,
                "\(longest)"
            )
        }
    }
}

extension [UInt8] {
    /// Pieces of random lengths.
    func cut(_ longest: Int, _ random: inout SplitMix64) -> [ArraySlice<UInt8>] {
        var pieces: [ArraySlice<UInt8>] = []
        var rest = self[...]
        while !rest.isEmpty {
            let count = Int.random(in: 1...longest, using: &random)
            pieces.append(rest.prefix(count))
            rest = rest.dropFirst(count)
        }
        return pieces
    }
}

extension WatchEvent {
    var typeName: String {
        switch self {
        case .added: "ADDED"
        case .modified: "MODIFIED"
        case .deleted: "DELETED"
        case .bookmark: "BOOKMARK"
        case .failed: "ERROR"
        }
    }

    var object: APIObject? {
        switch self {
        case .added(let object), .modified(let object), .deleted(let object): object
        case .bookmark, .failed: nil
        }
    }
}
