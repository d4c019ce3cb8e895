/// What the service manager knows of the daemon: that it runs, and in one line how it fares.
///
/// The daemon is ready as soon as its loop runs, though it may have nothing to serve yet. What it
/// waits for may itself need a node that has finished booting: an API server in a pod, a file
/// system that is mounted late. So nothing that boots after the daemon has to wait with it.
package struct ServiceManagerReport: Sendable {
    private let manager: ServiceManager
    /// What the first pass waits for.
    private var waiting: String?
    /// How the last pass ended; nil before the first.
    private var pass: String?
    /// Why the last reload was refused.
    private var refusal: String?
    private var told: String?

    package init(_ manager: ServiceManager) {
        self.manager = manager
    }

    /// One line: what is waited for or how the last pass ended, and a configuration that does not
    /// hold.
    package var line: String {
        let state = pass ?? "waiting for \(waiting ?? "the first pass")"
        return refusal.map { "\(state); configuration not reloaded: \($0)" } ?? state
    }

    /// The loop begins; `reason` as for `waits`.
    package mutating func runs(waitingFor reason: String?) {
        waiting = reason
        ready()
    }

    /// The first pass waits for `reason`, or nil if it is next.
    package mutating func waits(for reason: String?) {
        waiting = reason
        tell()
    }

    /// A pass ended as `outcome` says.
    package mutating func passed(_ outcome: String) {
        pass = outcome
        tell()
    }

    /// A reload begins; `reloaded` ends it.
    package func reloading() { manager.reloading() }

    /// A reload has ended; `refusal` says why the former configuration still holds, nil if the new
    /// one does.
    package mutating func reloaded(refusal: String?) {
        self.refusal = refusal
        ready()
    }

    package func keepAlive() { manager.keepAlive() }

    package func stopping() { manager.stopping() }

    private mutating func ready() {
        told = line
        manager.ready(status: line)
    }

    private mutating func tell() {
        guard told != line else { return }
        told = line
        manager.status(line)
    }
}
