package import Addressing

/// The changes from one state to another. Stores apply them so that no lookup ever finds a frontend
/// without its group, or a group without an endpoint in a slot.
package struct SocketDiff: Sendable, Equatable {
    /// New or with another action, sorted by `SocketFrontend`.
    package var setFrontends: [FrontendChange] = []
    /// Sorted.
    package var removedFrontends: [SocketFrontend] = []
    /// Sorted by number.
    package var groups: [GroupChange] = []
    /// Sorted.
    package var addedNodeAddresses: [IPAddress] = []
    /// Sorted.
    package var removedNodeAddresses: [IPAddress] = []
    /// Attaches the programs, or replaces attached ones, after all other changes. Counts as one change.
    package var attaches = false

    /// `old` is nil for a new frontend.
    package struct FrontendChange: Sendable, Equatable {
        package var key: SocketFrontend
        package var old: SocketAction?
        package var action: SocketAction

        package init(_ key: SocketFrontend, from old: SocketAction?, to action: SocketAction) {
            self.key = key
            self.old = old
            self.action = action
        }
    }

    /// `old` is nil for a new group, `new` is nil for one that goes.
    package struct GroupChange: Sendable, Equatable {
        package var number: UInt32
        package var old: SocketGroup?
        package var new: SocketGroup?

        package init(number: UInt32, old: SocketGroup?, new: SocketGroup?) {
            self.number = number
            self.old = old
            self.new = new
        }
    }

    /// No change.
    package init() {}

    /// All differences between two states.
    package init(from old: SocketState, to new: SocketState) {
        for (key, action) in new.frontends {
            let former = old.frontends[key]
            guard former != action else { continue }
            setFrontends.append(FrontendChange(key, from: former, to: action))
        }
        removedFrontends = old.frontends.keys.filter { new.frontends[$0] == nil }
        // Numbers are sorted and not changes, which are large.
        var changed = old.groups.keys.filter { new.groups[$0] == nil }
        for (number, group) in new.groups where old.groups[number] != group {
            changed.append(number)
        }
        groups = changed.sorted().map {
            GroupChange(number: $0, old: old.groups[$0], new: new.groups[$0])
        }
        addedNodeAddresses = Array(new.nodeAddresses.subtracting(old.nodeAddresses))
        removedNodeAddresses = Array(old.nodeAddresses.subtracting(new.nodeAddresses))
        attaches = new.isAttached && !old.isAttached
        sort()
    }

    /// Brings all lists but that of groups into order.
    package mutating func sort() {
        setFrontends.sort { $0.key < $1.key }
        removedFrontends.sort()
        addedNodeAddresses.sort()
        removedNodeAddresses.sort()
    }

    package var isEmpty: Bool { count == 0 }

    /// Number of changed objects: frontends, endpoint groups, node addresses, and the programs as one.
    package var count: Int {
        setFrontends.count + removedFrontends.count + groups.count + addedNodeAddresses.count
            + removedNodeAddresses.count + (attaches ? 1 : 0)
    }
}
