import Addressing
import ServiceModel

/// A Service port's claim to a frontend, with what the plan holds for it if the claim wins.
///
/// Copies share it, as a claim is kept by its Service and by its frontend.
struct FrontendClaim<Content: Equatable & Sendable>: Equatable, Sendable {
    private final class Record: Sendable {
        let key: FrontendKey
        let kind: FrontendKind
        let standing: ClaimStanding
        let owner: ServicePortName
        let content: Content

        init(_ frontend: Frontend, _ port: ServicePortState, _ content: Content) {
            key = frontend.key
            kind = frontend.kind
            owner = port.name
            standing = port.standing
            self.content = content
        }
    }

    private let record: Record

    init(_ frontend: Frontend, _ port: ServicePortState, _ content: Content) {
        record = Record(frontend, port, content)
    }

    var key: FrontendKey { record.key }
    var kind: FrontendKind { record.kind }
    var owner: ServicePortName { record.owner }
    /// Claims of Services that are held come last, and those of files after the cluster's.
    var standing: ClaimStanding { record.standing }
    var content: Content { record.content }

    static func == (left: FrontendClaim, right: FrontendClaim) -> Bool {
        left.record === right.record
            || left.key == right.key && left.kind == right.kind && left.owner == right.owner
                && left.standing == right.standing && left.content == right.content
    }

    /// The frontend for people. A node port is one thing to them, whatever addresses it is on.
    var subject: String {
        guard kind == .nodePort, case .address(let socket, let transport) = key else {
            return "\(key)"
        }
        return "\(FrontendKey.nodePort(socket.port, transport))"
    }
}
