import Dataplane
import DataplaneModel
import KubernetesClient
import Logging
import Reconciling
import Telemetry

/// Where the time of a change goes, from the connection to the kernel.
struct ChangeTimes {
    private struct Waiting {
        /// When the loop took it.
        var taken: ContinuousClock.Instant
        var times: ArrivalTimes?
    }

    /// The changes that no pass has programmed yet: the oldest, with the time that decoding all of
    /// them took.
    private var waiting: [Waiting] = []

    mutating func add(_ arrival: Turn.Arrival) {
        waiting.append(Waiting(taken: arrival.at, times: arrival.times))
    }

    /// A pass has ended at `now`: the line about the changes that it programmed; nil if there were none
    /// or if it failed.
    mutating func take(_ report: PassReport, at now: ContinuousClock.Instant) -> LogLine? {
        let done = waiting.prefix { $0.taken <= report.began }
        guard let first = done.first else { return nil }
        waiting.removeFirst(done.count)
        let arrived = done.reduce(nil) { ArrivalTimes.joined($0, $1.times) }
        guard report.succeeded else {
            // A later pass programs them.
            waiting.insert(Waiting(taken: first.taken, times: arrived), at: 0)
            return nil
        }
        guard report.changedServices > 0 else { return nil }
        let reports = report.families.compactMap(\.report)
        func sum(_ part: (FamilyPassReport) -> Duration) -> Duration {
            reports.reduce(.zero) { $0 + part($1) }
        }
        var parts: [(String, Duration)] = []
        if let arrived {
            parts.append(("decode", arrived.decoding))
            parts.append(("deliver", first.taken - arrived.received - arrived.decoding))
        }
        parts += [
            ("queue", report.began - first.taken), ("select", sum(\.selecting)),
            ("plan", sum { $0.planning - $0.selecting }), ("observe", sum(\.observing)),
            ("diff", sum(\.diffing)), ("apply", sum(\.applying)),
        ]
        let sent = reports.compactMap(\.sendTimes)
        if !sent.isEmpty {
            parts.append(("send", sent.reduce(.zero) { $0 + $1.sending }))
            parts.append(("acknowledge", sent.reduce(.zero) { $0 + $1.acknowledging }))
        }
        parts.append(("total", now - (arrived?.received ?? first.taken)))
        let fields = parts.map { ("\($0)_us", "\(Int64($1 / .microseconds(1)))") }
        return LogLine(.debug, "Change timed", Dictionary(uniqueKeysWithValues: fields))
    }
}
