import DataplaneModel
import Logging

/// Something that can fail at each look at the kernel. A failure that lasts is reported when it begins or changes, and
/// when it is over; what is done about it is done more and more rarely.
struct LookProblem: Sendable {
    enum Subject {
        case dueWork
        case drift
        case addresses
    }

    private static let firstPause = Duration.seconds(1)
    private static let longestPause = Duration.seconds(60)

    private let subject: Subject
    /// Nil if the last look did not fail.
    private var text: String?
    private var pause = firstPause
    /// When something may be done again.
    private var next = ContinuousClock.now

    init(_ subject: Subject) { self.subject = subject }

    /// `error` is what a look at `now` failed with. Returns what to report, and whether it is time to do something.
    mutating func note(
        _ error: DataplaneError?,
        at now: ContinuousClock.Instant
    ) -> (line: LogLine?, isDue: Bool) {
        let before = text
        text = error.map { "\($0)" }
        guard let text else {
            return (before.map { _ in LogLine(.notice, end) }, false)
        }
        let line = text == before ? nil : LogLine(.error, begin, ["error": text])
        guard before != nil else {
            (pause, next) = (Self.firstPause, now + Self.firstPause)
            return (line, true)
        }
        guard next <= now else { return (line, false) }
        pause = min(pause * 2, Self.longestPause)
        next = now + pause
        return (line, true)
    }

    private var begin: String {
        switch subject {
        case .dueWork: "Failed to remove drained real servers, will retry"
        case .drift: "Failed to look for drift, reading the kernel again"
        case .addresses: "Failed to read the node's addresses, keeping those that are known"
        }
    }

    private var end: String {
        switch subject {
        case .dueWork: "Drained real servers can be removed again"
        case .drift: "Drift can be looked for again"
        case .addresses: "The node's addresses can be read again"
        }
    }
}
