package import DaemonConfiguration
package import Dataplane
package import HealthChecking
package import KubernetesAPI
package import Planning
package import ServiceModel
package import Telemetry

/// What the daemon's loop has to do. Effects are carried out in order.
package enum DaemonEffect: Sendable {
    // MARK: Answered by one event each

    /// Polls the dataplane's thread and the sources; with `forDrift`, does due work too and looks for
    /// changes by other programs. Answered by `looked`.
    case look(forDrift: Bool)
    /// Passes what the cluster knows of the node to the dataplane. Answered by `learned`.
    case learn(ClusterFacts)
    /// Reads the configuration. Answered by `loaded`.
    case load(ReloadCause)
    /// Puts another configuration into effect. Answered by `reconfigured`.
    case reconfigure(DaemonConfiguration)
    /// Answered by `passed`.
    case pass(SnapshotUpdate, PassKind, explain: Bool)

    // MARK: Not answered

    case probe(TargetChanges)
    /// Saves the cluster's state for the next start; the named Services have changed since the last time.
    case remember(ClusterRecording, changed: ChangedServices)
    /// Manifests that are missing in updates up to this revision are not held.
    case forgetMissing(upTo: UInt64)
    /// Reads every manifest again.
    case rescan
    /// How many Services were held and are released; nil if the daemon stops.
    case answer(ConfirmID, Int?)
    /// Sends `DaemonEvent.wake` at this time, and not at the time set before.
    case wake(at: ContinuousClock.Instant)
    /// Sends `DaemonEvent.tick` at this time, and not at the time set before.
    case tick(at: ContinuousClock.Instant)
    case notify(ServiceManager.Message)
    case observe(Turn)
    /// The loop ends.
    case end
}
