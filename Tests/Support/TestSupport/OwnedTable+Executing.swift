package import DataplaneModel

extension OwnedTable {
    /// Changes the table as the kernel does.
    package mutating func execute(_ diff: TableDiff) {
        for change in diff.chains {
            switch change {
            case .create(let chain), .replace(_, let chain): chains[chain.name] = chain
            case .delete(let chain): chains[chain.name] = nil
            }
        }
        for change in diff.jumps {
            switch change {
            case .insert(let jump): jumps.insert(jump, at: 0)
            case .delete(let jump): jumps.firstIndex(of: jump).map { _ = jumps.remove(at: $0) }
            }
        }
    }
}

extension TableTransactions {
    /// In the order of application.
    package var all: [TableDiff] { (gains.map { [$0] } ?? []) + tables }
}
