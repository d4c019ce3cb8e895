/// A part of the kernel's state that can be read, compared and changed.
///
/// All calls block and must come from the dataplane thread.
package protocol KernelStore {
    /// What we own there; the same type serves as wanted and as observed state.
    associatedtype State: Sendable & Equatable
    /// What turns one state into another.
    associatedtype Diff: Sendable

    /// Reads what we own, and nothing else.
    func observe() throws(DataplaneError) -> State

    /// Makes the changes. After an error the state is unknown: observe again.
    func apply(_ diff: Diff) throws(DataplaneError) -> ApplyReport

    /// Numbers by which most changes of other programs show, at a cost that does not grow with what
    /// is there.
    func measure() throws(DataplaneError) -> [String: Int]

    /// Whether what this store itself changes shows in those numbers too, so that after a change it
    /// cannot be told from what others did meanwhile.
    var measuresOwnChanges: Bool { get }

    /// Looks at a small part of what is there, another one at each call, and says whether it differs
    /// from the whole `wanted`. Only for what numbers would not show.
    func inspect(_ wanted: State) throws(DataplaneError) -> Bool

    /// Does what has become due since the last call, such as ending what was left to run out.
    func attend() throws(DataplaneError)
}

extension KernelStore {
    /// Nothing is measured.
    package func measure() throws(DataplaneError) -> [String: Int] { [:] }

    /// Numbers are of others' changes alone.
    package var measuresOwnChanges: Bool { false }

    /// Whatever may differ shows in the numbers.
    package func inspect(_ wanted: State) throws(DataplaneError) -> Bool { false }

    /// Nothing ever becomes due.
    package func attend() throws(DataplaneError) {}
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
