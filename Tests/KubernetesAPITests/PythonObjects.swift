import Foundation
import KubernetesAPI
import TestSupport

/// Random objects in all forms, from `objects.py`.
struct PythonObjects: Decodable {
    struct Forms: Decodable {
        var protobuf: Data
        var json: Data

        func bytes(_ type: APIMediaType) -> [UInt8] {
            Array(type == .protobuf ? protobuf : json)
        }
    }

    struct Kind: Decodable {
        var list: Forms
        var watch: Forms
        /// A Status as a whole answer.
        var status: Forms
        /// Each object on its own, in YAML.
        var manifests: [String]
        /// Of the watch's events.
        var types: [String]
    }

    struct Failure: Error, CustomStringConvertible {
        var description: String
    }

    private var kinds: [String: Kind]

    init(from decoder: any Decoder) throws {
        kinds = try [String: Kind](from: decoder)
    }

    subscript(resource: KubernetesResource) -> Kind {
        get throws {
            guard let kind = kinds[resource.kind] else {
                throw Failure(description: "objects.py made no \(resource.kind)")
            }
            return kind
        }
    }

    /// The same seed makes the same objects.
    static func make(seed: Int, count: Int) throws -> PythonObjects {
        let script = URL(filePath: #filePath).deletingLastPathComponent().appending(
            path: "objects.py"
        )
        // Needs python3-protobuf.
        let data = try TestProgram.run(["/usr/bin/python3", script.path(), "\(seed)", "\(count)"])
        return try JSONDecoder().decode(PythonObjects.self, from: Data(data))
    }
}

extension ListDecoder {
    /// Decodes a whole list that comes in pieces.
    static func decode(
        _ pieces: [ArraySlice<UInt8>],
        _ resource: KubernetesResource,
        _ type: APIMediaType,
        _ settings: DecodingSettings = DecodingSettings()
    ) throws -> ([APIObject], ListMetadata) {
        var decoder = ListDecoder(resource: resource, mediaType: type, settings: settings)
        var objects: [APIObject] = []
        for piece in pieces { objects += try decoder.feed(piece.span) }
        return (objects, try decoder.finish())
    }
}

extension WatchDecoder {
    /// Decodes a whole watch that comes in pieces.
    static func decode(
        _ pieces: [ArraySlice<UInt8>],
        _ resource: KubernetesResource,
        _ type: APIMediaType,
        _ settings: DecodingSettings = DecodingSettings()
    ) throws -> [WatchEvent] {
        var decoder = WatchDecoder(resource: resource, mediaType: type, settings: settings)
        var events: [WatchEvent] = []
        for piece in pieces { events += try decoder.feed(piece.span) }
        try decoder.finish()
        return events
    }
}
