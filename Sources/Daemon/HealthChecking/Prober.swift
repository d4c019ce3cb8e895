/// What one probe came to.
package enum ProbeResult: Sendable, Equatable {
    case passed
    /// The endpoint did not do what it has to; `reason` is one line.
    case failed(reason: String)
    /// This node could not ask, for want of descriptors or ports for instance.
    case impossible(reason: String)
}

/// Probes targets.
package protocol Prober: Sendable {
    /// Returns within the target's timeout, and soon when the task is cancelled.
    func probe(_ target: HealthTarget) async -> ProbeResult
}
