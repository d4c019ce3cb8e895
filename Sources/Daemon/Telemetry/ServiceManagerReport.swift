/// What the service manager is sent about the daemon: that it runs, and a one-line status.
///
/// The daemon is ready as soon as its loop runs, even with nothing to serve yet. What it waits for
/// may itself need a node that has finished booting: an API server in a pod, a file system that is
/// mounted late. So units ordered after the daemon do not wait for these.
package struct ServiceManagerReport: Sendable {
    private let manager: ServiceManager
    /// What the first pass is waiting for.
    private var waiting: String?
    /// The outcome of the last pass; nil before the first.
    private var pass: String?
    /// Why the last reload was rejected.
    private var refusal: String?
    private var sent: String?

    package init(_ manager: ServiceManager) {
        self.manager = manager
    }

    /// One line: what the daemon waits for or the outcome of the last pass, and a rejected
    /// configuration.
    package var line: String {
        let state = pass ?? "waiting for \(waiting ?? "the first pass")"
        return refusal.map { "\(state); configuration not reloaded: \($0)" } ?? state
    }

    /// The loop has started; `reason` as for `waits`.
    package mutating func runs(waitingFor reason: String?) {
        waiting = reason
        ready()
    }

    /// The first pass waits for `reason`; nil if it is next.
    package mutating func waits(for reason: String?) {
        waiting = reason
        sendStatus()
    }

    /// A pass ended with `outcome`.
    package mutating func passed(_ outcome: String) {
        pass = outcome
        sendStatus()
    }

    /// A reload has started; `reloaded` ends it.
    package func reloading() { manager.reloading() }

    /// A reload has ended. `refusal` says why the former configuration stays in effect; nil if the
    /// new one does.
    package mutating func reloaded(refusal: String?) {
        self.refusal = refusal
        ready()
    }

    package func keepAlive() { manager.keepAlive() }

    package func stopping() { manager.stopping() }

    private mutating func ready() {
        sent = line
        manager.ready(status: line)
    }

    private mutating func sendStatus() {
        guard sent != line else { return }
        sent = line
        manager.status(line)
    }
}
