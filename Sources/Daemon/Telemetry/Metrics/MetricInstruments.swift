import Synchronization

/// Something a registry can read.
package protocol MetricSource: Sendable {
    var family: MetricFamily { get }
}

/// Numbers by label values: a counter or a gauge.
///
/// Each call holds a lock for one dictionary access; reading copies under the lock and formats
/// later.
package final class MetricValues: MetricSource {
    private let name: String
    private let help: String
    private let kind: MetricFamily.Kind
    private let labels: [String]
    private let values: Mutex<[[String]: Double]>

    /// Without labels, the value exists from the beginning, as zero.
    package init(
        _ name: String,
        _ help: String,
        _ kind: MetricFamily.Kind,
        labels: [String] = []
    ) {
        self.name = name
        self.help = help
        self.kind = kind
        self.labels = labels
        values = Mutex(labels.isEmpty ? [[]: 0] : [:])
    }

    /// The values are in the order of the label names.
    package func add(_ amount: Double = 1, _ labels: String...) {
        precondition(labels.count == self.labels.count, "\(name): undeclared labels")
        values.withLock { $0[labels, default: 0] += amount }
    }

    package func set(_ value: Double, _ labels: String...) {
        precondition(labels.count == self.labels.count, "\(name): undeclared labels")
        values.withLock { $0[labels] = value }
    }

    /// Removes all values: what they are about is no longer there.
    package func clear() { values.withLock { $0 = [:] } }

    package var family: MetricFamily {
        let copy = values.withLock { $0 }
        let samples = copy.sorted { $0.key.lexicographicallyPrecedes($1.key) }.map { key, value in
            MetricFamily.Sample(labels: zip(labels, key).map { .init($0, $1) }, value: value)
        }
        return MetricFamily(name, help, kind, samples)
    }
}

/// Counts observations by upper bound.
package final class MetricHistogram: MetricSource {
    private struct Counts {
        var buckets: [UInt64]
        var sum = 0.0
    }

    private let name: String
    private let help: String
    private let labels: [String]
    private let bounds: [Double]
    private let values: Mutex<[[String]: Counts]>

    /// `bounds` ascend; the last bucket (`+Inf`) is added.
    package init(_ name: String, _ help: String, bounds: [Double], labels: [String] = []) {
        self.name = name
        self.help = help
        self.labels = labels
        self.bounds = bounds
        let none = Counts(buckets: Array(repeating: 0, count: bounds.count + 1))
        values = Mutex(labels.isEmpty ? [[]: none] : [:])
    }

    package func observe(_ value: Double, _ labels: String...) {
        precondition(labels.count == self.labels.count, "\(name): undeclared labels")
        let place = bounds.firstIndex { value <= $0 } ?? bounds.count
        values.withLock { values in
            let none = Counts(buckets: Array(repeating: 0, count: bounds.count + 1))
            values[labels, default: none].buckets[place] += 1
            values[labels, default: none].sum += value
        }
    }

    package func observe(_ value: Duration, _ label: String) {
        observe(value.inSeconds, label)
    }

    package var family: MetricFamily {
        let copy = values.withLock { $0 }
        var samples: [MetricFamily.Sample] = []
        for (key, counts) in copy.sorted(by: { $0.key.lexicographicallyPrecedes($1.key) }) {
            let own = zip(labels, key).map { MetricFamily.Label($0, $1) }
            var sum: UInt64 = 0
            for (bound, count) in zip(bounds + [.infinity], counts.buckets) {
                sum += count
                samples.append(
                    .init(
                        suffix: "_bucket",
                        labels: own + [.init("le", MetricText.bound(bound))],
                        value: Double(sum)
                    )
                )
            }
            samples.append(.init(suffix: "_sum", labels: own, value: counts.sum))
            samples.append(.init(suffix: "_count", labels: own, value: Double(sum)))
        }
        return MetricFamily(name, help, .histogram, samples)
    }

    /// `count` bounds, each `factor` times the one before.
    package static func exponential(_ start: Double, _ factor: Double, _ count: Int) -> [Double] {
        (0..<count).reduce(into: [Double]()) { bounds, _ in
            bounds.append((bounds.last ?? start / factor) * factor)
        }
    }

    /// `count` bounds, `step` apart.
    package static func linear(_ start: Double, _ step: Double, _ count: Int) -> [Double] {
        (0..<count).map { start + step * Double($0) }
    }
}

extension Duration {
    /// In seconds.
    package var inSeconds: Double {
        Double(components.seconds) + Double(components.attoseconds) / 1e18
    }
}
