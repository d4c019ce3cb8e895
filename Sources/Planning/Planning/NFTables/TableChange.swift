import DataplaneModel

/// The changes of a pass: elements at once, in sets moved out of the plan until the end, and the
/// rest keyed so that the last value counts.
struct TableChange {
    var chains: [NFTChainName: NFTChain?] = [:]
    var sets: [NFTSetName: NFTSet?] = [:]
    /// The frontends whose claims change, with the claim that had each before.
    var former: [FrontendKey: FrontendClaim<FrontendContent>?] = [:]
    var balancers: Set<Balancer> = []
    /// Whether it matters what was there before.
    private let isNoting: Bool
    /// The sets that are being edited, in the order of all cases.
    private var edits = [NFTSetEdit?](repeating: nil, count: TableSet.allCases.count)

    init(isNoting: Bool) {
        self.isNoting = isNoting
    }

    /// Whether there was none with that key.
    @discardableResult
    mutating func add(
        _ element: NFTElement,
        to set: TableSet,
        of plan: inout NFTablesState
    ) -> Bool {
        beginEdit(set, of: &plan)
        return edits[Int(set.rawValue)]?.set(element.key, element.data) == nil
    }

    mutating func remove(_ element: NFTElement, from set: TableSet, of plan: inout NFTablesState) {
        beginEdit(set, of: &plan)
        edits[Int(set.rawValue)]?.set(element.key, nil)
    }

    mutating func reserve(_ count: Int, in set: TableSet, of plan: inout NFTablesState) {
        beginEdit(set, of: &plan)
        edits[Int(set.rawValue)]?.reserve(count)
    }

    private mutating func beginEdit(_ set: TableSet, of plan: inout NFTablesState) {
        guard edits[Int(set.rawValue)] == nil else { return }
        edits[Int(set.rawValue)] = plan.sets[set.name]?.beginEdit(isNoting: isNoting)
    }

    /// Puts the edited sets back, and returns what changed if that was noted.
    mutating func finishElements(of plan: inout NFTablesState) -> [NFTSetChange.Update] {
        TableSet.allCases.compactMap { set in
            guard let edit = edits[Int(set.rawValue)] else { return nil }
            edits[Int(set.rawValue)] = nil
            return plan.sets[set.name]?.finish(edit)
        }
    }
}
