/// Whether a condition holds.
enum ConditionAnswer: Equatable {
    case holds
    case fails
    /// Cannot be told, and why.
    case unknown(String)
    /// The set of this name that is asked is not there.
    case missingSet(String)

    init(_ holds: Bool, inverted: Bool = false) {
        self = holds != inverted ? .holds : .fails
    }
}
