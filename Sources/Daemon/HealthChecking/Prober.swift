/// The result of one probe.
package enum ProbeResult: Sendable, Equatable {
    case passed
    /// The endpoint did not respond as required; `reason` is one line.
    case failed(reason: String)
    /// This node could not probe, for instance for lack of descriptors or ports.
    case impossible(reason: String)
}

package protocol Prober: Sendable {
    /// Returns within the target's timeout, and soon when the task is cancelled.
    func probe(_ target: HealthTarget) async -> ProbeResult
}
