import HealthChecking
import Logging

extension Logger {
    /// One line for each endpoint that became unhealthy or healthy again. Of a large batch, which usually
    /// has one cause, only the first ones and how many more there are.
    func report(_ changes: [HealthChange]) {
        let limit = 20
        let worthALine = changes.filter { !($0.isFirst && $0.isHealthy) }
        for change in worthALine.prefix(limit) {
            log(
                level: change.isHealthy ? .notice : .warning,
                change.isHealthy ? "Endpoint is healthy again" : "Endpoint is unhealthy",
                metadata: [
                    "target": "\(change.target)", "reason": "\(change.reason ?? "probes pass")",
                ]
            )
        }
        guard worthALine.count > limit else { return }
        warning(
            "Health of more endpoints changed",
            metadata: ["endpoints": "\(worthALine.count - limit)"]
        )
    }
}
