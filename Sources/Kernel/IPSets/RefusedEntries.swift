import CIPSet
import DataplaneModel
import Glibc

/// The entries of a list that the kernel refused.
struct RefusedEntries {
    private let kind: IPSetKind?
    /// The errno of a refusal that concerns the whole set: later entries were not tried, or refused for
    /// the same reason.
    private(set) var all: Int32?
    /// Single entries by their place in the list.
    var entries: [(index: Int, errno: Int32)] = []

    init(of list: [IPSetEntry]) {
        kind = list.first?.kind
    }

    mutating func note(_ errno: Int32) {
        if [ENOENT, ENOMEM, EPERM].contains(errno) || isFull(errno) { all = errno }
    }

    /// How many of `count` entries were certainly accepted.
    func accepted(of count: Int) -> Int { all == nil ? count - entries.count : 0 }

    /// The set is full.
    var isFull: Bool { all.map { isFull($0) } ?? false }

    private func isFull(_ errno: Int32) -> Bool {
        // The same number means something else for other types.
        kind != .port && errno == Int32(IPSET_ERR_HASH_FULL)
    }
}
