package import DataplaneModel

extension ApplyReport {
    /// How many failures of one sort are told one by one.
    private static let told = 8

    /// Takes failures of one sort: the first ones as they are, and the others in one of `subject`
    /// that counts them, as an object that is wrong as a whole has thousands.
    package mutating func fail(_ errors: [DataplaneError], of subject: String) {
        failures += errors.prefix(Self.told)
        guard errors.count > Self.told else { return }
        var rest = errors[Self.told]
        rest.subject = subject
        let reason = rest.message ?? "unknown error"
        rest.message = "\(errors.count - Self.told) more were refused, the next: \(reason)"
        failures.append(rest)
    }
}
