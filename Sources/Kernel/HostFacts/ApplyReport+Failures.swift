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

    /// Does one part of a removal of everything. What fails is in `failures` and keeps no other part from
    /// being removed; a subsystem that the kernel lacks holds nothing. False if the part was not carried out.
    @discardableResult
    package mutating func attempt(
        _ part: () throws(DataplaneError) -> ApplyReport
    ) -> Bool {
        do throws(DataplaneError) {
            self += try part()
            return true
        } catch {
            guard error.kind != .unsupported else { return true }
            failures.append(error)
            return false
        }
    }
}
