import Addressing
import DaemonConfiguration
import Dataplane
import DataplaneModel
import Planning
import Reconciling
import ServiceModel
import Telemetry

/// The daemon as of the last turn of its loop.
struct DaemonSnapshot: Sendable {
    /// The most issues that are shown.
    static let shownIssues = 100

    /// With the chosen mode.
    var configuration: DaemonConfiguration
    var families: [IPFamily]
    var started = Moment.now
    /// The Services that the last pass was given.
    var services = ServiceSnapshot()
    var lastPass: PassReport?
    var lastPassEnded: Moment?
    var lastSuccess: Moment?
    var passes = 0
    var failedPasses = 0
    var driftRepaired = 0
    var lastDrift: Moment?
    /// The removal guard's present hold; nil without one.
    var hold: MassRemovalGuard.Hold?
    /// When each source last changed.
    var sources: [String: Moment] = [:]
    /// Nil if no API server is configured.
    var cluster: ClusterStatus?
    var healthChecks = HealthChecks()
    var sourceIssues: [ObjectIssue] = []
    var configurationIssues: [String] = []
    var stateIssues: [String] = []

    mutating func passed(_ report: PassReport, _ services: ServiceSnapshot, at now: Moment) {
        self.services = services
        lastPass = report
        lastPassEnded = now
        passes += 1
        driftRepaired += report.drift
        if report.drift > 0 { lastDrift = now }
        if report.succeeded { lastSuccess = now } else { failedPasses += 1 }
    }

    /// What socket programs have at their disposal, as of now and no longer as of the last pass.
    mutating func found(_ uses: [IPFamily: SocketUse]) {
        for index in lastPass?.families.indices ?? 0..<0 {
            guard let family = lastPass?.families[index].family, let use = uses[family] else {
                continue
            }
            lastPass?.families[index].sockets?.use = use
        }
    }

    /// Present problems by kind.
    func issues(listening: [String]) -> [(kind: String, problems: [String])] {
        [
            ("configuration", configurationIssues),
            ("source", sourceIssues.map(\.description)),
            ("state", stateIssues),
            ("plan", lastPass?.issues.map(\.description) ?? []),
            ("object", lastPass?.failures.map(\.description) ?? []),
            ("pass", lastPass?.errors.map(\.description) ?? []),
            ("socket level", lastPass?.socketProblems ?? []),
            ("other mode", lastPass?.leftovers.map(\.description) ?? []),
            ("address", listening), ("removal guard", hold.map { [$0.words(at: .now)] } ?? []),
        ]
    }
}

extension DaemonSnapshot {
    /// Problems of one Service and its slices, and of Services that claim what it has.
    func issues(about name: ServiceName) -> [String] {
        sourceIssues.filter { $0.service == name }.map(\.description)
            + (lastPass?.issues ?? []).filter { $0.issue.concerns(name) }.map(\.description)
    }
}
