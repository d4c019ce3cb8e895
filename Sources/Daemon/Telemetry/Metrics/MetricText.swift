package import HTTPServing

/// The two text formats Prometheus reads.
package enum MetricText: Sendable {
    /// Prometheus text format 0.0.4.
    case prometheus
    /// OpenMetrics 1.0.
    case openMetrics

    /// The client's preferred format (`Accept`, RFC 9110, 12.5.1); the older one if it has no
    /// preference.
    package init(accept: String) {
        var best: (format: MetricText, quality: Double) = (.prometheus, 0)
        for range in accept.split(separator: ",") {
            let parts = range.split(separator: ";").map { $0.filter { $0 != " " }.lowercased() }
            let parameters = parts.dropFirst()
            func value(_ name: String) -> String? {
                parameters.first { $0.hasPrefix("\(name)=") }.map {
                    String($0.dropFirst(name.count + 1))
                }
            }
            let quality = value("q").flatMap(Double.init) ?? 1
            let format: MetricText? =
                switch parts.first {
                case "application/openmetrics-text"
                where ["1.0.0", "0.0.1", nil].contains(value("version")):
                    .openMetrics
                case "text/plain", "text/*", "*/*": .prometheus
                default: nil
                }
            if let format, quality > best.quality { best = (format, quality) }
        }
        self = best.format
    }

    package var contentType: String {
        switch self {
        case .prometheus: "text/plain; version=0.0.4; charset=utf-8"
        case .openMetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8"
        }
    }

    package func response(_ families: [MetricFamily]) -> HTTPResponse {
        HTTPResponse(headers: [("Content-Type", contentType)], body: render(families))
    }

    /// Renders the families in the given order.
    package func render(_ families: [MetricFamily]) -> String {
        var text = ""
        for family in families { render(family, &text) }
        if self == .openMetrics { text += "# EOF\n" }
        return text
    }

    private func render(_ family: MetricFamily, _ text: inout String) {
        var name = family.name
        // OpenMetrics names a counter without the `_total` suffix of its sample.
        if self == .openMetrics, family.kind == .counter, name.hasSuffix("_total") {
            name.removeLast("_total".count)
        }
        text += "# HELP \(name) \(Self.escaped(family.help, quotes: self == .openMetrics))\n"
        text += "# TYPE \(name) \(family.kind.rawValue)\n"
        for sample in family.samples {
            text += family.name
            text += sample.suffix
            if !sample.labels.isEmpty {
                text += "{"
                for (index, label) in sample.labels.enumerated() {
                    if index > 0 { text += "," }
                    text += "\(label.name)=\"\(Self.escaped(value(of: label), quotes: true))\""
                }
                text += "}"
            }
            text += " \(Self.number(sample.value))\n"
        }
    }

    /// A bound may be written as an integer in one format but never in the other.
    private func value(of label: MetricFamily.Label) -> String {
        guard self == .openMetrics, label.name == "le" else { return label.value }
        return label.value.allSatisfy(\.isNumber) ? label.value + ".0" : label.value
    }

    static func bound(_ value: Double) -> String { number(value) }

    private static func number(_ value: Double) -> String {
        if value == .infinity { return "+Inf" }
        if value == -.infinity { return "-Inf" }
        if value.isNaN { return "NaN" }
        return Double(Int64(exactly: value) ?? .max) == value && abs(value) < 1e15
            ? "\(Int64(value))" : "\(value)"
    }

    private static func escaped(_ text: String, quotes: Bool) -> String {
        guard text.utf8.contains(where: { $0 == 0x5c || $0 == 0x0a || $0 == 0x22 }) else {
            return text
        }
        var result = ""
        for character in text.unicodeScalars {
            switch character {
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\"" where quotes: result += "\\\""
            default: result.unicodeScalars.append(character)
            }
        }
        return result
    }
}
