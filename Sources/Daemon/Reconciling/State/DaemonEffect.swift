package import DaemonConfiguration
package import Dataplane
package import HealthChecking
package import KubernetesAPI
package import Planning
package import ServiceModel
package import Telemetry

/// What the daemon wants done, in this order.
package enum DaemonEffect: Sendable {
    // MARK: Each is answered by one event

    /// Shows that the dataplane's thread answers and how the sources are; with `forDrift`, does due
    /// work too and looks for what other programs changed. Answered by `looked`.
    case look(forDrift: Bool)
    /// Hands the dataplane what the cluster says of the node. Answered by `learned`.
    case learn(ClusterFacts)
    /// Reads the configuration. Answered by `loaded`.
    case load(ReloadCause)
    /// Puts another configuration into effect. Answered by `reconfigured`.
    case reconfigure(DaemonConfiguration)
    /// Answered by `passed`.
    case pass(SnapshotUpdate, PassKind, explain: Bool)

    // MARK: Nothing comes back

    case probe(TargetChanges)
    /// Saves the cluster's state for the next start.
    case remember(ClusterRecording)
    /// Manifests missing in updates up to this revision are not held.
    case forgetMissing(upTo: UInt64)
    /// Reads every manifest again.
    case rescan
    /// How many Services were held and are let go; nil if the daemon stops.
    case answer(ConfirmID, Int?)
    /// `DaemonEvent.wake` is wanted at this time, and no longer at the one named before.
    case wake(at: ContinuousClock.Instant)
    case notify(ServiceManager.Message)
    case observe(Turn)
    /// The loop ends.
    case end
}
