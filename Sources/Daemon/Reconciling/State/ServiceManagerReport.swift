import PrintableText
import Telemetry

/// The messages for the service manager: readiness and a one-line status.
///
/// The daemon is ready as soon as its loop runs, even with nothing to serve yet. What it waits for
/// may itself need a node that has finished booting: an API server in a pod, a file system that is
/// mounted late. So units ordered after the daemon do not wait for these.
///
/// Each call returns the message to send, or nil if there is nothing new.
struct ServiceManagerReport: Sendable {
    /// What the first pass is waiting for.
    private var waiting: String?
    /// What has been received of that.
    private var received: String?
    /// How many Services the first pass has begun with; nil before.
    private var first: Int?
    /// The outcome of the last pass; nil before the first.
    private var pass: String?
    /// Why the last reload was rejected.
    private var refusal: String?
    private var sent: String?

    /// One line: what the daemon waits for or the outcome of the last pass, and a rejected
    /// configuration.
    var line: String {
        let state = pass ?? beforePass
        return refusal.map { "\(state); configuration not reloaded: \($0)" } ?? state
    }

    private var beforePass: String {
        if let first { return "first pass, over \(counted(first, "Service"))" }
        let soFar = received.map { ", received: \($0)" } ?? ""
        return "waiting for \(waiting ?? "the first pass")\(soFar)"
    }

    /// The loop has started; `reason` as for `waits`.
    mutating func runs(waitingFor reason: String?) -> ServiceManager.Message {
        waiting = reason
        return ready()
    }

    /// The first pass waits for `reason`, or nil if it is next; `received` has come so far.
    mutating func waits(
        for reason: String?,
        received: String? = nil
    ) -> ServiceManager.Message? {
        waiting = reason
        self.received = received
        return status()
    }

    /// A pass begins over so many Services. Only the first one is news: it may take long, and others have the
    /// outcome of the last to show.
    mutating func begins(with services: Int) -> ServiceManager.Message? {
        first = services
        return status()
    }

    /// A pass ended as `outcome` says.
    mutating func passed(_ outcome: String) -> ServiceManager.Message? {
        pass = outcome
        return status()
    }

    /// A reload has ended; `refusal` says why the former configuration stays in effect, nil if the new
    /// one is.
    mutating func reloaded(refusal: String?) -> ServiceManager.Message {
        self.refusal = refusal
        return ready()
    }

    private mutating func ready() -> ServiceManager.Message {
        sent = line
        return .ready(status: line)
    }

    private mutating func status() -> ServiceManager.Message? {
        guard sent != line else { return nil }
        sent = line
        return .status(line)
    }
}
