package import Addressing
package import DaemonConfiguration
package import Dataplane
package import DataplaneModel
package import HealthChecking
package import KubernetesAPI
package import KubernetesClient
package import Logging
package import ServiceModel
package import Telemetry

/// What can be observed about one turn of the loop: what happened since the turn before, and the state
/// at its end.
package struct Turn: Sendable {
    package typealias Instant = ContinuousClock.Instant

    /// An update of a source that is to be programmed.
    package struct Arrival: Sendable {
        /// As metrics and status name it.
        package var source: String
        package var update: SnapshotUpdate
        /// What was to be programmed before it.
        package var previous: ServiceSnapshot
        /// Only the pass is still to come: the daemon waits for no other source.
        package var isDue: Bool
        package var at: Instant
        /// What happened before; nil for what does not come as a change in a cluster.
        package var times: ArrivalTimes?
    }

    /// When a source last showed that what is known of it is up to date.
    package struct SourceSign: Sendable {
        package var name: String
        package var heard: Instant
        /// How long it may be silent before it is stale; nil: it never is.
        package var staleAfter: Duration?
        /// Why it may be silent, if known.
        package var problem: String?
    }

    /// How the cluster is followed.
    package struct Cluster: Sendable {
        package var look: Look.Cluster
        /// The Services are those that the cluster held in an earlier run.
        package var isFromMemory: Bool
    }

    // MARK: Since the turn before

    package var lines: [LogLine] = []
    package var arrivals: [Arrival] = []
    /// Changes of endpoints in the cluster that came with the arrivals.
    package var triggers: [EndpointTrigger] = []
    package var pass: PassReport?
    /// The Services that the pass was given.
    package var passed = ServiceSnapshot()
    package var healthChanges: [HealthChange] = []
    /// Holds of the removal guard that ended.
    package var endings: [MassRemovalGuard.Ending] = []
    package var flowRuns: [FlowCleaner.Run] = []
    package var endedSockets: [IPFamily: Int] = [:]
    /// As the dataplane's last look found them, before a pass of the same turn.
    package var socketUses: [IPFamily: SocketUse] = [:]
    /// The dataplane's thread answered.
    package var isAlive = false

    // MARK: State

    /// With the chosen mode.
    package var configuration: DaemonConfiguration
    /// Problems of the configuration: a file that was refused, fields that need a restart.
    package var configurationIssues: [String] = []
    /// Why state cannot be saved for the next start.
    package var stateIssues: [String] = []
    /// Problems in the sources.
    package var sourceIssues: [ObjectIssue] = []
    package var hold: MassRemovalGuard.Hold?
    /// As received from the sources: with unhealthy endpoints.
    package var services = ServiceSnapshot()
    package var withoutHealthyEndpoint: [ServicePortName] = []
    package var eligibility = NodeEligibility.notAsked
    package var signs: [SourceSign] = []
    /// Nil where no API server is asked, and before the first look.
    package var cluster: Cluster?
    /// A message if the cluster is known to lack this node's Node object.
    package var missingNode: String?

    package init(_ configuration: DaemonConfiguration) {
        self.configuration = configuration
    }

    /// The same state, without what happened.
    var quiet: Turn {
        var turn = self
        (turn.lines, turn.arrivals, turn.triggers, turn.healthChanges) = ([], [], [], [])
        (turn.endings, turn.flowRuns, turn.isAlive) = ([], [], false)
        (turn.endedSockets, turn.socketUses) = ([:], [:])
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
