import FoundationEssentials
import Synchronization

/// An Event that a client made, and what it changed of it.
package struct ServedEvent: Sendable, Hashable {
    package var namespace: String
    package var name: String
    package var json: String
    /// Merge patches, in order.
    package var patches: [String] = []
}

/// The Events of a server, in the order in which they came.
final class ServedEvents: Sendable {
    private struct Object: Decodable {
        struct Metadata: Decodable { var name: String }
        var metadata: Metadata
    }

    private let events = Mutex<[ServedEvent]>([])

    var all: [ServedEvent] { events.withLock { $0 } }

    func forget() { events.withLock { $0 = [] } }

    /// What a request comes to: true for one that made an event, false for one that changed it.
    func take(_ request: ReceivedRequest) -> Result<Bool, Refusal> {
        let body = String(decoding: request.body, as: UTF8.self)
        let namespace = request.namespace ?? ""
        switch request.method {
        case "POST":
            guard let name = try? JSONDecoder().decode(Object.self, from: Data(request.body))
            else { return .failure(.init(code: 400, reason: "BadRequest")) }
            return events.withLock { events in
                let event = ServedEvent(namespace: namespace, name: name.metadata.name, json: body)
                guard !events.contains(where: { $0.isSame(as: event) }) else {
                    return .failure(.init(code: 409, reason: "AlreadyExists"))
                }
                events.append(event)
                return .success(true)
            }
        case "PATCH":
            let name = request.path.split(separator: "/").last.map(String.init) ?? ""
            let event = ServedEvent(namespace: namespace, name: name, json: "")
            return events.withLock { events in
                guard let index = events.firstIndex(where: { $0.isSame(as: event) }) else {
                    return .failure(.init(code: 404, reason: "NotFound"))
                }
                events[index].patches.append(body)
                return .success(false)
            }
        default: return .failure(.init(code: 405, reason: "MethodNotAllowed"))
        }
    }

    struct Refusal: Error {
        var code: Int
        var reason: String
    }
}

extension ServedEvent {
    fileprivate func isSame(as other: ServedEvent) -> Bool {
        (namespace, name) == (other.namespace, other.name)
    }
}
