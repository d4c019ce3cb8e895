/// A probability in readable form: `33.3% (1/3)`.
package struct ShareText: Sendable, CustomStringConvertible {
    /// The simple fraction within the kernel's rounding error; nil if there is none.
    package let fraction: (numerator: Int, denominator: Int)?
    private let probability: Double

    package init(_ probability: Double) {
        self.probability = probability
        fraction = Self.simpleFraction(probability)
    }

    package var description: String {
        guard let fraction else { return percent }
        if fraction.numerator == fraction.denominator { return "100%" }
        return "\(percent) (\(fraction.numerator)/\(fraction.denominator))"
    }

    /// Three significant digits, without trailing zeros.
    private var percent: String {
        let value = probability * 100
        if value <= 0 { return "0%" }
        var scale = 1
        while value * Double(scale) < 99.95, scale < 1_000_000_000 { scale *= 10 }
        let digits = String(Int((value * Double(scale)).rounded()))
        let decimals = String(scale).count - 1
        if decimals == 0 { return digits + "%" }
        let padded = String(repeating: "0", count: max(0, decimals + 1 - digits.count)) + digits
        var fractional = padded.suffix(decimals)
        while fractional.last == "0" { fractional.removeLast() }
        let whole = padded.dropLast(decimals)
        return fractional.isEmpty ? "\(whole)%" : "\(whole).\(fractional)%"
    }

    /// 1/N, or k/N with a small N.
    private static func simpleFraction(_ probability: Double) -> (Int, Int)? {
        guard probability > 1e-9, probability <= 1 + 1e-6 else { return nil }
        func isClose(_ numerator: Double, _ denominator: Double) -> Bool {
            let difference = abs(probability - numerator / denominator)
            return difference <= 1e-6 && difference <= probability * 1e-5
        }
        let inverse = (1 / probability).rounded()
        if isClose(1, inverse) { return (1, Int(inverse)) }
        for denominator in 2...64 {
            let numerator = (probability * Double(denominator)).rounded()
            if isClose(numerator, Double(denominator)) { return (Int(numerator), denominator) }
        }
        return nil
    }
}
