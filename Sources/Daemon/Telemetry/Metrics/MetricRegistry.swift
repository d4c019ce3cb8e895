import Synchronization

/// All metrics of a process, read together.
package final class MetricRegistry: Sendable {
    private let sources = Mutex<[any MetricSource]>([])

    package init() {}

    package func counter(
        _ name: String,
        _ help: String,
        labels: [String] = []
    ) -> MetricValues {
        add(MetricValues(name, help, .counter, labels: labels))
    }

    package func gauge(_ name: String, _ help: String, labels: [String] = []) -> MetricValues {
        add(MetricValues(name, help, .gauge, labels: labels))
    }

    package func histogram(
        _ name: String,
        _ help: String,
        bounds: [Double],
        labels: [String] = []
    ) -> MetricHistogram {
        add(MetricHistogram(name, help, bounds: bounds, labels: labels))
    }

    private func add<Source: MetricSource>(_ source: Source) -> Source {
        sources.withLock { $0.append(source) }
        return source
    }

    /// All metrics as they are now, together with `more`, which is only known when read; sorted by
    /// name.
    package func read(_ more: [MetricFamily] = []) -> [MetricFamily] {
        (sources.withLock { $0 }.map(\.family) + more).sorted { $0.name < $1.name }
    }
}
