import FoundationEssentials
import KubernetesAPI
import KubernetesObjects
import ServiceModel

/// An Event of `events.k8s.io/v1`.
struct EventObject: Encodable, Sendable {
    struct Metadata: Encodable, Sendable {
        var name: String
        var namespace: String
    }

    struct Reference: Encodable, Sendable {
        var apiVersion = "v1"
        var kind: String
        var namespace: String?
        var name: String
        /// `kubectl describe` only shows events that have it.
        var uid: String?
    }

    struct Series: Encodable, Sendable {
        var count: Int
        var lastObservedTime: String
    }

    /// The reporting controller.
    static let controller = "fairlead"
    /// The longest `reportingInstance` (`ReportingInstanceLengthLimit`).
    private static let instanceLimit = 128
    /// Bytes of an object's name that leave room for the unique suffix of an event's name.
    private static let nameLimit = 200

    var apiVersion = "events.k8s.io/v1"
    var kind = "Event"
    var metadata: Metadata
    var eventTime: String
    var series: Series?
    var reportingController = EventObject.controller
    var reportingInstance: String
    var action: String
    var reason: String
    var regarding: Reference
    var note: String
    var type: String

    /// `uid` is that of a Service; a Node's is its name.
    init(_ series: EventQueue.Series, nodeName: String, uid: String?) {
        let event = series.event
        switch event.regarding {
        case .service(let service):
            regarding = Reference(
                kind: "Service",
                namespace: service.namespace,
                name: service.name,
                uid: uid
            )
        case .node:
            // As kubelet and kube-proxy do, and as `kubectl describe node` expects.
            regarding = Reference(kind: "Node", name: nodeName, uid: nodeName)
        }
        metadata = Metadata(
            name: Self.name(for: regarding.name, series.number),
            namespace: regarding.namespace ?? "default"
        )
        eventTime = series.first.microTime
        self.series = Series(series)
        reportingInstance = String(nodeName.prefix(Self.instanceLimit))
        action = event.action
        reason = event.reason
        note = event.note
        type = event.kind.rawValue
    }

    /// The complete new object.
    func json() throws -> [UInt8] { try Self.encoded(self) }

    /// The fields that change with the count.
    func seriesPatch() throws -> [UInt8] { try Self.encoded(["series": series]) }

    private static func encoded(_ value: some Encodable) throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return Array(try encoder.encode(value))
    }

    /// `web.187b2f6cdd3a5c00`, safe in a path.
    private static func name(for object: String, _ number: Int64) -> String {
        let head = object.prefix(nameLimit)
        let end = head.lastIndex { $0 != "-" && $0 != "." }
        let base = end.map { String(head[...$0]) } ?? ""
        return (ObjectNames.isObjectName(base) ? base : controller)
            + "." + String(number, radix: 16)
    }
}

extension EventObject.Series {
    /// Nil for a single occurrence.
    init?(_ series: EventQueue.Series) {
        guard series.count > 1 else { return nil }
        count = series.count
        lastObservedTime = series.last.microTime
    }
}

extension APITime {
    /// The wall clock time.
    static var now: APITime {
        let seconds = Date().timeIntervalSince1970
        return APITime(
            seconds: Int64(seconds),
            nanoseconds: Int32((seconds - seconds.rounded(.down)) * 999_999_999)
        )
    }

    /// `2026-01-02T03:04:05.678901Z` (Kubernetes `MicroTime`, which accepts exactly six digits).
    var microTime: String {
        let whole = Date(timeIntervalSince1970: Double(seconds)).formatted(.iso8601)
        let digits = String(nanoseconds / 1000)
        return whole.dropLast() + "." + String(repeating: "0", count: 6 - digits.count) + digits
            + "Z"
    }
}
