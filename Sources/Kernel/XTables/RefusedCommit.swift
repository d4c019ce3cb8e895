import Addressing
import DataplaneModel
import Glibc

/// Explains a refused commit, for which the kernel gives an error number, but neither chain nor rule.
struct RefusedCommit {
    let diff: TableDiff
    let family: IPFamily

    func explain(_ error: DataplaneError) -> DataplaneError {
        guard error.kind != .conflict, error.kind != .notPermitted else { return error }
        var explained = error
        explained.kind = error.errno == ENOENT ? .unsupported : error.kind
        if let (chain, rule, target) = danglingRule() {
            explained.kind = .invalid
            explained.subject += "/\(chain)"
            let text = IPTablesRenderer(family: family).render(rule)
            explained.message = "there is no chain \(target) for the rule: \(text)"
            return explained
        }
        let changed = diff.chains.map(\.name.text)
        let more = changed.count > 3 ? " and \(changed.count - 3) more" : ""
        let named = changed.prefix(3).joined(separator: ", ") + more
        let words = error.message ?? "refused"
        explained.message =
            changed.isEmpty ? words : "\(words); the changed chains were \(named)"
        return explained
    }

    /// The first new rule that jumps to a chain which neither exists nor is created.
    private func danglingRule() -> (chain: String, rule: Rule, target: ChainName)? {
        // An error here would only hide the one that is being explained.
        guard let names = try? existingChains() else { return nil }
        for change in diff.chains {
            switch change {
            case .create(let chain), .replace(_, let chain):
                for rule in chain.rules {
                    if let target = target(of: rule), !names.contains(target.text) {
                        return (chain.name.text, rule, target)
                    }
                }
            case .delete: break
            }
        }
        for case .insert(let jump) in diff.jumps {
            if let target = target(of: jump.rule), !names.contains(target.text) {
                return (jump.from.rawValue, jump.rule, target)
            }
        }
        return nil
    }

    private func existingChains() throws(DataplaneError) -> Set<String> {
        var names = Set(try IPTablesTable(diff.table, family).chainNames().own)
        for change in diff.chains {
            switch change {
            case .create(let chain), .replace(_, let chain): names.insert(chain.name.text)
            case .delete(let chain): names.remove(chain.name.text)
            }
        }
        return names
    }

    private func target(of rule: Rule) -> ChainName? {
        switch rule.target {
        case .jump(let chain), .goto(let chain): chain
        case .accept, .drop, .returnToCaller, .destinationNAT, .masquerade, .mark, .markFromSet,
            .reject, .opaque:
            nil
        }
    }
}
