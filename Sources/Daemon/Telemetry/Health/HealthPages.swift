import Addressing
package import HTTPServing

/// The pages of the health server: kube-proxy's (KEP-3836) and `/readyz`.
package struct HealthPages: Sendable {
    private let health: DaemonHealth
    private let healthz: MetricValues
    private let livez: MetricValues

    package init(_ health: DaemonHealth, healthz: MetricValues, livez: MetricValues) {
        self.health = health
        self.healthz = healthz
        self.livez = livez
    }

    package var routes: HTTPRoutes {
        var routes = HTTPRoutes()
        routes["/healthz"] = { _ in healthzPage() }
        routes["/livez"] = { _ in livezPage() }
        routes["/readyz"] = { _ in readyzPage() }
        return routes
    }

    /// For load balancers: whether this node takes new connections. A node being drained does not,
    /// so this page must not decide whether the daemon is restarted.
    package func healthzPage(at now: Moment = .now) -> HTTPResponse {
        let verdict = health.verdict(at: now)
        let isFine = verdict.isHealthy && verdict.eligibility.isEligible
        healthz.add(1, isFine ? "200" : "503")
        return Self.page(
            verdict,
            isHealthy: verdict.isHealthy,
            isFine: isFine,
            eligible: verdict.eligibility.isEligible
        )
    }

    /// For liveness probes: whether to restart the daemon.
    package func livezPage(at now: Moment = .now) -> HTTPResponse {
        let verdict = health.verdict(at: now)
        livez.add(1, verdict.isLive ? "200" : "503")
        return Self.page(verdict, isHealthy: verdict.isLive, isFine: verdict.isLive, eligible: nil)
    }

    /// For rolling updates: whether this daemon has taken over from its predecessor.
    package func readyzPage(at now: Moment = .now) -> HTTPResponse {
        let verdict = health.verdict(at: now)
        return Self.page(
            verdict,
            isHealthy: verdict.isReady,
            isFine: verdict.isReady,
            eligible: nil
        )
    }

    private static func page(
        _ verdict: HealthVerdict,
        isHealthy: Bool,
        isFine: Bool,
        eligible: Bool?
    ) -> HTTPResponse {
        // Older clients check whether the first timestamp is recent, so a healthy daemon reports
        // the present time.
        let newest = verdict.families.map(\.lastUpdated).max { $0.instant < $1.instant }
        let updated = isFine ? verdict.now : newest ?? verdict.now
        var fields = [
            "\"lastUpdated\":\"\(updated.timestamp)\"",
            "\"currentTime\":\"\(verdict.now.timestamp)\"",
        ]
        if let eligible { fields.append("\"nodeEligible\":\(eligible)") }
        fields.append("\"healthy\":\(isHealthy)")
        let families = verdict.families.map {
            "\"\($0.family.rawValue)\":{\"lastUpdated\":\"\($0.lastUpdated.timestamp)\",\"healthy\":\($0.isHealthy)}"
        }
        fields.append("\"status\":{\(families.joined(separator: ","))}")
        if !isHealthy {
            let problems = verdict.problems.map(JSONText.string).joined(separator: ",")
            fields.append("\"problems\":[\(problems)]")
        }
        return .json("{\(fields.joined(separator: ","))}", status: isFine ? 200 : 503)
    }
}
