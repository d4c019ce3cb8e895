/// A part of the kernel's state that can be read, compared and changed.
///
/// All calls block and must come from the dataplane thread. What a store changes itself never counts
/// as a change, so no order of calls is better than another.
package protocol KernelStore {
    /// What we own there; the same type serves as wanted and as observed state.
    associatedtype State: Sendable & Equatable
    /// What turns one state into another.
    associatedtype Diff: Sendable

    /// Reads what we own, and nothing else. What other programs did before the mark is in the state,
    /// what they do after it shows in `changes`; what they do while it is read is in either, or both.
    func observe() throws(DataplaneError) -> Observation<State>

    /// Makes the changes. After an error the state is unknown: observe again.
    func apply(_ diff: Diff) throws(DataplaneError) -> ApplyReport

    /// What other programs did since the mark, at a cost that does not grow with what is there. The
    /// answer stays the same for a mark until more happens.
    func changes(since mark: ChangeMark) throws(DataplaneError) -> ForeignChanges

    /// Does what time brings, such as ending what has drained, and compares a small part of what is
    /// there, another one at each call, with `plan` where numbers would not show a difference; one
    /// that it finds is a certain change. Nil where the kernel is not known to hold any plan.
    func performDueWork(expecting plan: State?) throws(DataplaneError)
}

extension KernelStore {
    /// Nothing ever becomes due, and whatever differs shows in `changes`.
    package func performDueWork(expecting plan: State?) throws(DataplaneError) {}
}

/// What a store read, and when that was.
package struct Observation<State: Sendable & Equatable>: Sendable, Equatable {
    package var state: State
    package var mark: ChangeMark

    package init(_ state: State, _ mark: ChangeMark) {
        self.state = state
        self.mark = mark
    }
}

/// How many changes of other programs a store had noticed at some time.
package struct ChangeMark: Sendable, Equatable {
    /// Times that what we own was seen to be other than it was left.
    package var certain = 0
    /// Times that it may have been changed in a way that numbers would not show.
    package var possible = 0

    /// Nothing was noticed yet.
    package init() {}

    /// What was noticed between an earlier mark and this one.
    package func changes(since earlier: ChangeMark) -> ForeignChanges {
        if certain != earlier.certain { return .certain }
        return possible != earlier.possible ? .possible : .none
    }
}

/// What other programs did to what we own.
package enum ForeignChanges: Sendable {
    case none
    /// It may have been changed, and only reading it can tell.
    case possible
    /// It was changed.
    case certain
}

/// What an `apply` did.
package struct ApplyReport: Sendable, Equatable {
    /// Changed objects: chains, jumps, sets and their entries, servers, addresses.
    package var operations: Int
    /// How often the work was done again because somebody else changed the table meanwhile.
    package var conflicts: Int
    /// Objects that could not be changed although all the rest was; only in them does the kernel
    /// differ from what was wanted.
    package var failures: [DataplaneError]

    package init(operations: Int = 0, conflicts: Int = 0, failures: [DataplaneError] = []) {
        self.operations = operations
        self.conflicts = conflicts
        self.failures = failures
    }

    /// Both together.
    package static func += (left: inout ApplyReport, right: ApplyReport) {
        left.operations += right.operations
        left.conflicts += right.conflicts
        left.failures += right.failures
    }
}
