import Dataplane
import Logging
import Reconciling

extension PassReport {
    /// The log lines of the pass, but for its failures.
    var lines: [LogLine] {
        var lines: [LogLine] = []
        if retired > 0 {
            lines.append(
                LogLine(.notice, "Removed objects of another mode", ["objects": "\(retired)"])
            )
        }
        if removedSockets > 0 {
            lines.append(
                LogLine(.notice, "Removed the socket level", ["objects": "\(removedSockets)"])
            )
        }
        if drift > 0 {
            lines.append(
                LogLine(
                    .warning,
                    "Repaired objects changed by another program",
                    ["objects": "\(drift)", "services": driftedServicesText]
                )
            )
        }
        if isGivenUp { lines.append(LogLine(.debug, "Resync given up for other work, will retry")) }
        lines += operationLines.map { LogLine(.debug, "Operation", ["operation": $0]) }
        lines.append(
            LogLine(
                operations > 0 ? .info : .debug,
                "Pass done",
                [
                    "kind": "\(kind)", "services": "\(services)", "changed": "\(changedServices)",
                    "operations": "\(operations)", "conflicts": "\(conflicts)",
                    "ms": "\(duration.milliseconds)",
                ]
            )
        )
        return lines
    }
}
