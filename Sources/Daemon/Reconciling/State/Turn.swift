package import DaemonConfiguration
package import Dataplane
package import HealthChecking
package import KubernetesAPI
package import Logging
package import ServiceModel
package import Telemetry

/// Everything there is to observe about one turn of the loop: what happened since the turn before, and
/// how things are at its end.
package struct Turn: Sendable {
    package typealias Instant = ContinuousClock.Instant

    /// Something that a source brought and that is to be programmed.
    package struct Arrival: Sendable {
        /// As metrics and status name it.
        package var source: String
        package var update: SnapshotUpdate
        /// What was to be programmed before.
        package var previous: ServiceSnapshot
        /// Nothing but the pass is waited for.
        package var isDue: Bool
        package var at: Instant
    }

    /// When a source last showed that what is known is what it has.
    package struct SourceSign: Sendable {
        package var name: String
        package var heard: Instant
        /// It is stale if it shows nothing for so long; nil trusts it.
        package var staleAfter: Duration?
        /// Why it may show nothing, where that is known.
        package var problem: String?
    }

    /// How following the cluster goes.
    package struct Cluster: Sendable {
        package var look: Look.Cluster
        /// What is served is what the cluster held in an earlier run.
        package var isFromMemory: Bool
    }

    // MARK: What happened

    package var lines: [LogLine] = []
    package var arrivals: [Arrival] = []
    /// Changes of endpoints in the cluster that came with them.
    package var triggers: [EndpointTrigger] = []
    package var pass: PassReport?
    /// What that pass was given.
    package var passed = ServiceSnapshot()
    package var healthChanges: [HealthChange] = []
    /// Holds of the removal guard that ended.
    package var endings: [MassRemovalGuard.Ending] = []
    package var flowRuns: [ConntrackCleaner.Run] = []
    /// The dataplane's thread answered.
    package var isAlive = false

    // MARK: What is

    /// With the mode that was chosen.
    package var configuration: DaemonConfiguration
    /// What is wrong with the configuration: a file that was refused, fields that need a restart.
    package var configurationIssues: [String] = []
    /// Why state cannot be saved for the next start.
    package var stateIssues: [String] = []
    /// What is wrong in the sources.
    package var sourceIssues: [ObjectIssue] = []
    package var hold: MassRemovalGuard.Hold?
    /// As the sources gave them: with the endpoints that health checks take out.
    package var services = ServiceSnapshot()
    package var withoutHealthyEndpoint: [ServicePortName] = []
    package var eligibility = NodeEligibility.notAsked
    package var signs: [SourceSign] = []
    /// Nil where no API server is asked, and before the first look.
    package var cluster: Cluster?
    /// That the cluster has no Node object for this node; nil if it has, or is not known to lack it.
    package var missingNode: String?

    package init(_ configuration: DaemonConfiguration) {
        self.configuration = configuration
    }

    /// The same state, in which nothing has happened yet.
    var quiet: Turn {
        var turn = self
        (turn.lines, turn.arrivals, turn.triggers, turn.healthChanges) = ([], [], [], [])
        (turn.endings, turn.flowRuns, turn.isAlive) = ([], [], false)
        (turn.pass, turn.passed) = (nil, ServiceSnapshot())
        return turn
    }
}

/// A line for the log.
package struct LogLine: Sendable, Equatable {
    package var level: Logger.Level
    package var message: String
    package var metadata: [String: String]

    package init(_ level: Logger.Level, _ message: String, _ metadata: [String: String] = [:]) {
        self.level = level
        self.message = message
        self.metadata = metadata
    }
}
