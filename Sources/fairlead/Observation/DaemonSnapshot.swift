import Addressing
import DaemonConfiguration
import Dataplane
import Planning
import Reconciling
import ServiceModel
import Telemetry

/// What the daemon tells of itself, as of the last pass: a value that whoever answers takes and
/// nobody waits for.
struct DaemonSnapshot: Sendable {
    /// The most that is shown of a list of complaints.
    static let shownIssues = 100

    /// With the mode that was chosen.
    var configuration: DaemonConfiguration
    var families: [IPFamily]
    var started = Moment.now
    var services = ServiceSnapshot()
    var lastPass: PassReport?
    var lastPassEnded: Moment?
    var lastSuccess: Moment?
    var passes = 0
    var failedPasses = 0
    var driftRepaired = 0
    var lastDrift: Moment?
    /// What the removal guard keeps though the sources have lost it.
    var hold: MassRemovalGuard.Hold?
    /// When each source last brought something.
    var sources: [String: Moment] = [:]
    /// Nil where no API server is asked.
    var cluster: ClusterStatus?
    var healthChecks = HealthChecks()

    /// What is wrong, by where it is wrong.
    func issues(listening: [String]) -> [(kind: String, problems: [String])] {
        [
            ("source", services.issues.map(\.description)),
            ("plan", lastPass?.issues ?? []),
            ("object", lastPass?.failures ?? []),
            ("pass", lastPass?.errors ?? []),
            ("other mode", lastPass?.leftovers ?? []),
            ("address", listening), ("removal guard", hold.map { [$0.words(at: .now)] } ?? []),
        ]
    }
}

extension DaemonSnapshot {
    /// What is wrong with one Service: what names it, and not one whose name begins or ends alike,
    /// and what is wrong with its slices.
    func issues(about name: ServiceName) -> [String] {
        let slices = services.issues.filter { $0.isAboutSlice(of: name) }.map(\.description)
        return issues(listening: []).flatMap(\.problems).filter {
            Self.names(name, in: $0) || slices.contains($0)
        }
    }

    /// Whether `text` has the whole name somewhere.
    private static func names(_ name: ServiceName, in text: String) -> Bool {
        let wanted = Array(name.description.utf8)
        let bytes = Array(text.utf8)
        guard bytes.count >= wanted.count else { return false }
        return (0...(bytes.count - wanted.count)).contains { start in
            let end = start + wanted.count
            return bytes[start..<end].elementsEqual(wanted)
                && (start == 0 || !isPartOfName(bytes[start - 1]) && bytes[start - 1] != slash)
                && !continuesName(bytes[end...])
        }
    }

    /// A dot goes on with a name only if more of it follows.
    private static func continuesName(_ rest: ArraySlice<UInt8>) -> Bool {
        let after = rest.drop { $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "-") }
        guard let next = after.first else { return false }
        return isPartOfName(next)
    }

    private static let slash = UInt8(ascii: "/")

    private static func isPartOfName(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."):
            true
        default: false
        }
    }
}

extension ObjectIssue {
    /// A slice that cannot be read does not tell its Service, but the control plane names it after
    /// the Service, with one more part at the end.
    fileprivate func isAboutSlice(of name: ServiceName) -> Bool {
        guard let object, object.hasPrefix("EndpointSlice "),
            let dash = object.lastIndex(of: "-")
        else { return false }
        return object[..<dash] == "EndpointSlice \(name)"
    }
}
