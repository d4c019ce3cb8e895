import FoundationEssentials
import KubernetesObjects
import PrintableText

/// Decodes complete JSON values.
enum JSONDocument {
    static func decode<Value: Decodable>(
        _ type: Value.Type,
        _ bytes: [UInt8]
    ) throws(ObjectError) -> Value {
        do {
            return try JSONDecoder().decode(type, from: Data(bytes))
        } catch let error as DecodingError {
            throw ObjectError(error)
        } catch {
            throw ObjectError(FieldPath(), printable("\(error)"))
        }
    }
}

extension ObjectError {
    fileprivate init(_ error: DecodingError) {
        switch error {
        case .typeMismatch(let type, let context):
            self.init(FieldPath(context.codingPath), "is not \(Self.noun(type))")
        case .valueNotFound(let type, let context):
            self.init(FieldPath(context.codingPath), "is null, not \(Self.noun(type))")
        case .keyNotFound(let key, let context):
            self.init(FieldPath(context.codingPath + [key]), "is missing")
        case .dataCorrupted(let context):
            self.init(FieldPath(context.codingPath), printable(context.debugDescription))
        @unknown default:
            self.init(FieldPath(), printable("\(error)"))
        }
    }

    private static func noun(_ type: any Any.Type) -> String {
        switch type {
        case is String.Type: "text"
        case is Int.Type: "a whole number"
        case is Bool.Type: "true or false"
        case is [Any].Type: "a list"
        default: "a mapping"
        }
    }
}

extension FieldPath {
    fileprivate init(_ path: [any CodingKey]) {
        self.init(
            path.map { key in key.intValue.map { .element($0) } ?? .field(key.stringValue) }
        )
    }
}

/// A list without its items, or a Status in its place.
struct JSONList: Decodable {
    var apiVersion: String?
    var kind: String?
    var metadata: Metadata?
    /// Empty or null, as the items were taken out, unless their key is written with an escape.
    var items: [Item]?

    struct Item: Decodable {}

    struct Metadata: Decodable {
        var resourceVersion: String?
        var `continue`: String?
    }
}

/// Any object, reduced to its name.
struct JSONNamed: Decodable {
    var metadata: Metadata?

    struct Metadata: Decodable {
        var name: String?
        var namespace: String?
        var resourceVersion: String?
    }
}

/// `v1 Status`.
struct JSONStatus: Decodable {
    var kind: String?
    var code: Int?
    var reason: String?
    var message: String?
    var details: Details?

    struct Details: Decodable {
        var causes: [Cause]?
        var retryAfterSeconds: Int?
    }

    struct Cause: Decodable {
        var reason: String?
    }

    var status: APIStatus {
        APIStatus(
            code: code ?? 0,
            reason: reason ?? "",
            message: message ?? "",
            retryAfterSeconds: details?.retryAfterSeconds.flatMap { $0 > 0 ? $0 : nil },
            causes: (details?.causes ?? []).map { $0.reason ?? "" }
        )
    }
}

/// A watch event without its object.
struct JSONEventHead: Decodable {
    var type: String?
    var object: Object?

    struct Object: Decodable {
        var apiVersion: String?
        var kind: String?
    }
}

/// A watch event with its object.
struct JSONEvent<Object: Decodable>: Decodable {
    var object: Object
}

/// The content of a bookmark.
struct JSONBookmark: Decodable {
    var metadata: WireMetadata?
}
