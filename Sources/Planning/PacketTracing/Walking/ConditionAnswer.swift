/// Whether a condition holds.
enum ConditionAnswer: Equatable {
    case holds
    case fails
    /// Undecidable, with the reason.
    case unknown(String)
    /// The set with this name does not exist.
    case missingSet(String)

    init(_ holds: Bool, inverted: Bool = false) {
        self = holds != inverted ? .holds : .fails
    }
}
