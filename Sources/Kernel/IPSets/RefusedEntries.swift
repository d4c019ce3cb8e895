import CNetlink
import DataplaneModel
import Glibc

/// What the kernel did not take of a list of entries.
struct RefusedEntries {
    private let kind: IPSetKind?
    /// The errno of a refusal that concerns the set rather than an entry: entries behind it were
    /// not tried, or refused for the same reason.
    private(set) var all: Int32?
    /// Single entries by their place in the list.
    var entries: [(index: Int, errno: Int32)] = []

    init(of list: [IPSetEntry]) {
        kind = list.first?.kind
    }

    mutating func take(_ errno: Int32) {
        if [ENOENT, ENOMEM, EPERM].contains(errno) || isFull(errno) { all = errno }
    }

    /// How many of so many entries are certain to have been taken.
    func taken(of count: Int) -> Int { all == nil ? count - entries.count : 0 }

    /// The set holds as many entries as it can.
    var isFull: Bool { all.map { isFull($0) } ?? false }

    private func isFull(_ errno: Int32) -> Bool {
        // The same number means something else for other types.
        kind != .port && errno == Int32(IPSET_ERR_HASH_FULL)
    }
}
