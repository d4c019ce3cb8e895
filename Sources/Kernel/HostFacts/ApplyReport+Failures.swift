package import DataplaneModel

extension ApplyReport {
    /// How many failures of one sort are listed one by one.
    private static let listed = 8

    /// Adds failures of one sort: the first ones as they are, the others as one failure of `subject`
    /// that counts them, as an object that is wrong as a whole has thousands.
    package mutating func fail(_ errors: [DataplaneError], of subject: String) {
        failures += errors.prefix(Self.listed)
        guard errors.count > Self.listed else { return }
        var rest = errors[Self.listed]
        rest.subject = subject
        let reason = rest.message ?? "unknown error"
        rest.message = "\(errors.count - Self.listed) more were refused, the next: \(reason)"
        failures.append(rest)
    }
}
