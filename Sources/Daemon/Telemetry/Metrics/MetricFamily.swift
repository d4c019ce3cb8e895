/// One metric as read at one moment: its description and samples.
package struct MetricFamily: Sendable, Equatable {
    /// The keywords of the text formats.
    package enum Kind: String, Sendable {
        case counter
        case gauge
        case histogram
    }

    /// A number with its labels.
    package struct Sample: Sendable, Equatable {
        /// `_bucket`, `_sum` or `_count` of a histogram; otherwise empty.
        package var suffix = ""
        package var labels: [Label]
        package var value: Double

        package init(suffix: String = "", labels: [Label], value: Double) {
            self.suffix = suffix
            self.labels = labels
            self.value = value
        }
    }

    package struct Label: Sendable, Equatable {
        package var name: String
        package var value: String

        package init(_ name: String, _ value: String) {
            self.name = name
            self.value = value
        }
    }

    /// Includes `_total`, if it is a counter.
    package var name: String
    package var help: String
    package var kind: Kind
    package var samples: [Sample]

    package init(_ name: String, _ help: String, _ kind: Kind, _ samples: [Sample]) {
        self.name = name
        self.help = help
        self.kind = kind
        self.samples = samples
    }

    /// One number without labels; no sample if it is nil.
    package init(_ name: String, _ help: String, _ kind: Kind, _ value: Double?) {
        self.init(name, help, kind, value.map { [Sample(labels: [], value: $0)] } ?? [])
    }

    /// Numbers by the value of one label.
    package init(
        _ name: String,
        _ help: String,
        _ kind: Kind,
        by label: String,
        _ values: some Sequence<(String, Double)>
    ) {
        self.init(
            name,
            help,
            kind,
            values.map { Sample(labels: [Label(label, $0)], value: $1) }
        )
    }
}
