import FoundationEssentials
import KubernetesAPI
import KubernetesObjects
import ServiceModel

/// An Event as `events.k8s.io/v1` has it.
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
        /// `kubectl describe` shows only events that have it.
        var uid: String?
    }

    struct Series: Encodable, Sendable {
        var count: Int
        var lastObservedTime: String
    }

    /// Who reports, as people see it.
    static let controller = "fairlead"
    /// The longest `reportingInstance` (`ReportingInstanceLengthLimit`).
    private static let instanceLimit = 128
    /// So much of an object's name fits before what makes an event's unique.
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

    /// `uid` is that of a Service, whose namespace is a name.
    init(_ told: EventQueue.Series, nodeName: String, uid: String?) {
        let event = told.event
        switch event.regarding {
        case .service(let service):
            regarding = Reference(
                kind: "Service",
                namespace: service.namespace,
                name: service.name,
                uid: uid
            )
        case .node:
            // As kubelet and kube-proxy do it, and as `kubectl describe node` looks for it.
            regarding = Reference(kind: "Node", name: nodeName, uid: nodeName)
        }
        metadata = Metadata(
            name: Self.name(for: regarding.name, told.number),
            namespace: regarding.namespace ?? "default"
        )
        eventTime = told.first.microTime
        series = Series(told)
        reportingInstance = String(nodeName.prefix(Self.instanceLimit))
        action = event.action
        reason = event.reason
        note = event.note
        type = event.kind.rawValue
    }

    /// All of it, for a new object.
    func json() throws -> [UInt8] { try Self.encoded(self) }

    /// What changes with the count.
    func seriesPatch() throws -> [UInt8] { try Self.encoded(["series": series]) }

    private static func encoded(_ value: some Encodable) throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return Array(try encoder.encode(value))
    }

    /// `web.187b2f6cdd3a5c00`. Names are safe in a path.
    private static func name(for object: String, _ number: Int64) -> String {
        let head = object.prefix(nameLimit)
        let end = head.lastIndex { $0 != "-" && $0 != "." }
        let base = end.map { String(head[...$0]) } ?? ""
        return (ObjectNames.isObjectName(base) ? base : controller)
            + "." + String(number, radix: 16)
    }
}

extension EventObject.Series {
    /// Nil for what was seen once.
    init?(_ told: EventQueue.Series) {
        guard told.count > 1 else { return nil }
        count = told.count
        lastObservedTime = told.last.microTime
    }
}

extension APITime {
    /// The time of day.
    static var now: APITime {
        let seconds = Date().timeIntervalSince1970
        return APITime(
            seconds: Int64(seconds),
            nanoseconds: Int32((seconds - seconds.rounded(.down)) * 999_999_999)
        )
    }

    /// `2026-01-02T03:04:05.678901Z` (Kubernetes `MicroTime`, which takes just six digits).
    var microTime: String {
        let whole = Date(timeIntervalSince1970: Double(seconds)).formatted(.iso8601)
        let digits = String(nanoseconds / 1000)
        return whole.dropLast() + "." + String(repeating: "0", count: 6 - digits.count) + digits
            + "Z"
    }
}
