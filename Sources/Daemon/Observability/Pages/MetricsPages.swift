import Addressing
import DaemonConfiguration
import Dataplane
import HTTPServing
import KubernetesClient
import Planning
import ServiceModel
import Telemetry

extension DaemonView {
    /// A scrape does not wait longer for the kernel's counts; they are left out then.
    private static let trafficLimit = Duration.seconds(2)

    /// The pages of the metrics server, at kube-proxy's paths.
    var metricsPages: HTTPRoutes {
        var routes = HTTPRoutes()
        routes["/metrics"] = { [self] request in
            let format = MetricText(accept: request.accept)
            return await paced.page("/metrics as \(format)") { [self] in
                await metricsPage(format)
            }
        }
        routes["/metrics/slis"] = { [self] in indicatorsPage($0) }
        // Says only that the server answers; the health server knows more.
        routes["/healthz"] = { _ in .text("ok") }
        routes["/proxyMode"] = { [self] _ in .text(snapshot.configuration.modeName) }
        routes["/configz"] = { [self] _ in
            .json("{\"fairlead\":\(snapshot.configuration.json)}\n")
        }
        routes["/statusz"] = { [self] _ in
            await paced.page("/statusz") { [self] in .text(await status().text) }
        }
        return routes.after { [self] in await bringUpToDate() }
    }

    private func metricsPage(_ format: MetricText) async -> HTTPResponse {
        let snapshot = snapshot
        let traffic = await traffic(snapshot)
        let listening = await listeningProblems()
        for (kind, problems) in snapshot.issues(listening: listening) {
            metrics.fairlead.issues.set(Double(problems.count), kind)
        }
        if let counts = events?.counts {
            metrics.fairlead.clusterEvents.set(Double(counts.sent), "sent")
            metrics.fairlead.clusterEvents.set(Double(counts.dropped), "dropped")
            metrics.fairlead.clusterEvents.set(Double(counts.refused), "refused")
        }
        let checks = await snapshot.healthChecks.metrics()
        let more = ProcessMetrics.read() + sourceMetrics(snapshot) + checks + traffic.metrics
        return format.response(metrics.registry.read(more))
    }

    /// The kernel's counts, empty where there are none or where they do not come in time.
    func traffic(_ snapshot: DaemonSnapshot) async -> TrafficReader.Reading {
        guard let settings = snapshot.lastPass?.settings else { return .init() }
        let reading = await valueInTime(Self.trafficLimit) { [traffic] in
            await traffic.read(snapshot.services, settings)
        }
        return reading ?? .init()
    }

    private func sourceMetrics(_ snapshot: DaemonSnapshot) -> [MetricFamily] {
        let verdict = health.verdict()
        func gauge(
            _ name: String,
            _ help: String,
            _ values: [(String, Double)]
        ) -> MetricFamily {
            MetricFamily("fairlead_source_\(name)", help, .gauge, by: "source", values)
        }
        return [
            gauge(
                "last_change_timestamp_seconds",
                "When a source last brought news.",
                snapshot.sources.sorted { $0.key < $1.key }.map { ($0, $1.wall) }
            ),
            gauge(
                "silence_seconds",
                "Time since a source's last sign of life.",
                verdict.sources.map { ($0.name, $0.silentSeconds) }
            ),
            gauge(
                "stale",
                "1 if a source has been silent for too long.",
                verdict.sources.map { ($0.name, $0.isStale ? 1 : 0) }
            ),
        ] + (snapshot.cluster?.metrics(at: verdict.now) ?? [])
    }

    /// The component's health as a level indicator, under the names of Kubernetes' components.
    private func indicatorsPage(_ request: HTTPRequest) -> HTTPResponse {
        let verdict = health.verdict()
        let checks = [
            ("dataplane", verdict.isLive),
            ("sources", !verdict.sources.contains(where: \.isStale)),
        ]
        let samples = checks.flatMap { name, isFine in
            ["healthz", "livez"].filter { $0 == "healthz" || name == "dataplane" }.map { type in
                MetricFamily.Sample(
                    labels: [.init("name", name), .init("type", type)],
                    value: isFine ? 1 : 0
                )
            }
        }
        let family = MetricFamily(
            "kubernetes_healthcheck",
            "1 if a check passes.",
            .gauge,
            samples
        )
        return MetricText(accept: request.accept).response([family])
    }
}
