package import Addressing
package import Dataplane
package import DataplaneModel
package import HealthChecking
package import KubernetesAPI
package import KubernetesClient
package import Planning
package import ServiceModel

/// What happens to the daemon, one at a time.
package enum DaemonEvent: Sendable {
    // MARK: Unsolicited

    /// The loop begins; `problems` are the host's.
    case started(version: String, modeReason: String?, problems: [String])
    case arrived(SourceUpdate)
    /// Verdicts of health checks changed.
    case probed([HealthChange])
    /// The time of `DaemonEffect.tick` has come, or a reader wants to know the present state.
    case tick
    /// A look at the kernel may find something.
    case noticed
    /// The time of `DaemonEffect.wake` has come.
    case wake
    case confirm(ConfirmID)
    case reload(ReloadCause)
    case stop(signal: Int32)

    // MARK: Answers to effects

    case looked(Look)
    /// Whether what was learned changes the plan.
    case learned(matters: Bool)
    case loaded(LoadOutcome, ReloadCause)
    /// Host settings that could not be applied.
    case reconfigured(problems: [String])
    case passed(PassReport)
}

/// An update of a source.
package enum SourceUpdate: Sendable {
    case files(SnapshotUpdate)
    case cluster(KubernetesUpdate)
    /// What the cluster held in an earlier run, while no API server has answered.
    case memory(ClusterRecording)

    /// The source's name in metrics and status.
    package var source: String {
        switch self {
        case .files: "files"
        case .cluster, .memory: "cluster"
        }
    }
}

/// Identifies a request for confirmation.
package struct ConfirmID: Sendable, Hashable {
    package let number: UInt64

    package init(_ number: UInt64) {
        self.number = number
    }
}

/// What polling found.
package struct Look: Sendable {
    /// How the manifests are read.
    package struct Files: Sendable {
        /// When the manifests were last readable; nil if never.
        package var lastLook: ContinuousClock.Instant?
        /// Why they have not been read yet; nil once they have.
        package var problem: ObjectIssue?

        package init(lastLook: ContinuousClock.Instant?, problem: ObjectIssue? = nil) {
            self.lastLook = lastLook
            self.problem = problem
        }
    }

    /// How the cluster is followed.
    package struct Cluster: Sendable {
        /// Nil before following has begun.
        package var state: KubernetesSourceState?
        /// Why it has not begun.
        package var problem: String?
        /// Why its state is not saved for the next start.
        package var memoryProblem: String?

        package init(
            state: KubernetesSourceState?,
            problem: String? = nil,
            memoryProblem: String? = nil
        ) {
            self.state = state
            self.problem = problem
            self.memoryProblem = memoryProblem
        }
    }

    /// The kernel was looked at: without an error below all went well.
    package var isForDrift = true
    /// Why due work could not be done.
    package var dueWorkError: DataplaneError?
    /// Why drift could not be looked for.
    package var driftError: DataplaneError?
    package var hasDrifted = false
    /// What of the node changed, and with it the plan.
    package var changedFacts: [NodeFacts.Part] = []
    /// The host's name if it is not that of the start any more, which counts on.
    package var otherName: String?
    /// Why they could not be read.
    package var addressesError: DataplaneError?
    /// The lock of legacy tables, for which the last pass left something undone, is free.
    package var isUnlocked = false
    /// What the socket programs have at their disposal; none while they are off, and where it is not known.
    package var socketUses: [IPFamily: SocketUse] = [:]
    package var flowRuns: [FlowCleaner.Run] = []
    package var endedSockets: [IPFamily: Int] = [:]
    package var flowProblems: [FlowCleaner.Problem] = []
    /// Nil where there are no manifests to read.
    package var files: Files?
    /// Nil where no API server is asked.
    package var cluster: Cluster?

    package init() {}
}
