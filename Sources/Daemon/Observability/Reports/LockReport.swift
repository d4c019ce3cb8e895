import Dataplane
import Logging
import Reconciling
import Synchronization
import SystemCalls

/// Says, while a pass waits for the lock of legacy tables, who holds it: once, until a pass has got it.
package final class LockReport: Sendable {
    /// Shorter waits are usual.
    private static let patience = Duration.milliseconds(500)

    private let path: String
    private let logger: Logger
    private let isSaid = Atomic(false)

    init(_ path: String, _ logger: Logger) {
        (self.path, self.logger) = (path, logger)
    }

    /// A pass has waited for so long.
    package func waits(_ duration: Duration) {
        guard duration >= Self.patience, !isSaid.exchange(true, ordering: .relaxed) else { return }
        let holder = LockHolder.find(path).map(\.description) ?? "not known"
        logger.log(
            LogLine(
                .warning,
                "Waiting for another program's lock on the rules",
                ["lock": path, "holder": holder]
            )
        )
    }

    /// A pass has ended.
    func ended(_ report: PassReport) {
        if !report.isLockedOut { isSaid.store(false, ordering: .relaxed) }
    }
}
