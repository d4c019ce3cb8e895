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
            ("plan", lastPass?.issues.map(\.description) ?? []),
            ("object", lastPass?.failures.map(\.description) ?? []),
            ("pass", lastPass?.errors.map(\.description) ?? []),
            ("other mode", lastPass?.leftovers.map(\.description) ?? []),
            ("address", listening), ("removal guard", hold.map { [$0.words(at: .now)] } ?? []),
        ]
    }
}

extension DaemonSnapshot {
    /// What is wrong with one Service, its slices among that, and who claims what it has.
    func issues(about name: ServiceName) -> [String] {
        services.issues.filter { $0.service == name }.map(\.description)
            + (lastPass?.issues ?? []).filter { $0.issue.concerns(name) }.map(\.description)
    }
}
