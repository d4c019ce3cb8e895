package import KubernetesClient
package import Telemetry

/// Requests to the API server, with the names, labels and buckets that all Kubernetes components
/// use (`component-base/metrics/prometheus/restclient`).
package struct RestClientMetrics: Sendable {
    private let requests: MetricValues
    private let seconds: MetricHistogram
    private let limiterSeconds: MetricHistogram
    private let requestBytes: MetricHistogram
    private let responseBytes: MetricHistogram

    package init(_ registry: MetricRegistry) {
        let times: [Double] = [0.005, 0.025, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60]
        let sizes: [Double] =
            [64, 256, 512, 1024, 4096, 16384, 65536, 262_144, 1_048_576, 4_194_304, 16_777_216]
        func histogram(_ name: String, _ help: String, _ bounds: [Double]) -> MetricHistogram {
            registry.histogram(
                "rest_client_\(name)",
                help,
                bounds: bounds,
                labels: ["host", "verb"]
            )
        }
        requests = registry.counter(
            "rest_client_requests_total",
            "Requests to the API server, by status code; <error> means no response.",
            labels: ["code", "host", "method"]
        )
        seconds = histogram(
            "request_duration_seconds",
            "Time from a request to the end of its response, without watches.",
            times
        )
        limiterSeconds = histogram(
            "rate_limiter_duration_seconds",
            "Time a request was delayed by the rate limit.",
            times
        )
        requestBytes = histogram("request_size_bytes", "Size of the request body.", sizes)
        responseBytes = histogram("response_size_bytes", "Size of the response body.", sizes)
    }

    /// Records a request that has ended, or a watch that was answered.
    package func observe(_ outcome: RequestOutcome) {
        let labels = (host: outcome.server, verb: outcome.method)
        let code = outcome.code.map(String.init)
        requests.add(1, code ?? "<error>", labels.host, labels.verb)
        limiterSeconds.observe(outcome.heldBack.inSeconds, labels.host, labels.verb)
        guard !outcome.isWatch else { return }
        seconds.observe(outcome.duration.inSeconds, labels.host, labels.verb)
        requestBytes.observe(Double(outcome.sentBytes), labels.host, labels.verb)
        guard code != nil else { return }
        responseBytes.observe(Double(outcome.receivedBytes), labels.host, labels.verb)
    }
}
