/// Durations in Go's notation (`time.ParseDuration`): `1h30m`, `1.5s`, `0`.
enum GoDuration {
    private static let units: [(String, nanoseconds: Double)] = [
        ("ns", 1), ("us", 1e3), ("µs", 1e3), ("μs", 1e3), ("ms", 1e6), ("s", 1e9), ("m", 60e9),
        ("h", 3600e9),
    ]

    /// In whole milliseconds, at least 1 unless it is zero; nil if the text is not a duration.
    static func parse(_ text: String) -> Duration? {
        var rest = text[...]
        let isNegative = rest.hasPrefix("-")
        if isNegative || rest.hasPrefix("+") { rest = rest.dropFirst() }
        if rest == "0" { return .zero }
        guard !rest.isEmpty else { return nil }
        var nanoseconds = 0.0
        while !rest.isEmpty {
            let digits = rest.prefix { ("0"..."9").contains($0) || $0 == "." }
            guard digits.contains(where: { $0 != "." }), let number = Double(digits) else {
                return nil
            }
            rest = rest.dropFirst(digits.count)
            let name = rest.prefix { !("0"..."9").contains($0) && $0 != "." }
            guard let unit = units.first(where: { $0.0 == name }) else { return nil }
            rest = rest.dropFirst(name.count)
            nanoseconds += number * unit.nanoseconds
        }
        guard nanoseconds < 9.2e18 else { return nil }
        let milliseconds = nanoseconds == 0 ? 0 : max(1, Int64((nanoseconds / 1e6).rounded(.down)))
        return .milliseconds(isNegative ? -milliseconds : milliseconds)
    }
}
