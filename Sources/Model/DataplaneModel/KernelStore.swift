/// A part of the kernel's state that can be read, compared and changed.
///
/// All calls block and must come from the dataplane thread. A store's own changes are never reported
/// by `changes(since:)`, whatever the order of calls.
package protocol KernelStore {
    /// Fairlead's objects there, planned or observed.
    associatedtype State: Sendable & Equatable
    /// The changes from one state to another.
    associatedtype Diff: Sendable

    /// Reads Fairlead's objects and no others. Other programs' changes before the mark are in the
    /// state, later ones in `changes`, and those made during the read in at least one of the two.
    ///
    /// - Throws: if the kernel refuses the read.
    func observe() throws(DataplaneError) -> Observation<State>

    /// The same; where the kernel holds what `plan` has, a store may give the plan's own objects, which then need no
    /// memory of their own and are compared with the plan in no time.
    func observe(expecting plan: State) throws(DataplaneError) -> Observation<State>

    /// Applies the changes. Objects that the kernel refuses alone are failures of the report.
    ///
    /// - Throws: if the rest was not applied either. The state is unknown then: observe again.
    func apply(_ diff: Diff) throws(DataplaneError) -> ApplyReport

    /// Other programs' changes since the mark; the cost does not depend on the number of objects.
    /// The answer for a mark only changes with further changes.
    ///
    /// - Throws: if the kernel refuses to answer.
    func changes(since mark: ChangeMark) throws(DataplaneError) -> ForeignChanges

    /// Does the work that has become due, such as removing drained real servers. Where counters do
    /// not show every change, also compares a small part of the kernel's state with `plan`, another
    /// part at each call; a difference is a certain change. `plan` is nil if the kernel is not known
    /// to hold one.
    ///
    /// - Throws: if the kernel refuses the work or the comparison.
    func performDueWork(expecting plan: State?) throws(DataplaneError)

    /// Descriptors that can be read, or have an error, as soon as the kernel announces a change, also one
    /// of the store's own, until `changes` is called. Not every change is announced.
    var announcements: [Int32] { get }

    /// Whether there is nothing to find and no due work without one of `announcements`.
    var announcesAll: Bool { get }

    /// How long sending changes has taken in all calls of `apply` so far; nil if the store does not
    /// measure it.
    var sendTimes: SendTimes? { get }
}

extension KernelStore {
    /// Takes nothing from the plan.
    package func observe(expecting plan: State) throws(DataplaneError) -> Observation<State> {
        try observe()
    }

    /// Nothing becomes due, and `changes` shows every difference.
    package func performDueWork(expecting plan: State?) throws(DataplaneError) {}

    /// None; only calls of `changes` show what has changed.
    package var announcements: [Int32] { [] }

    package var announcesAll: Bool { false }

    /// Not measured.
    package var sendTimes: SendTimes? { nil }
}

/// How long it took to hand changes to the kernel.
package struct SendTimes: Sendable, Equatable {
    /// In the call that sends, in which the kernel makes the changes.
    package var sending = Duration.zero
    /// From there to the kernel's acknowledgement.
    package var acknowledging = Duration.zero

    package init() {}

    package static func - (left: SendTimes, right: SendTimes) -> SendTimes {
        var difference = left
        difference.sending -= right.sending
        difference.acknowledging -= right.acknowledging
        return difference
    }
}

/// A state that a store read, and the mark of that moment.
package struct Observation<State: Sendable & Equatable>: Sendable, Equatable {
    package var state: State
    package var mark: ChangeMark

    package init(_ state: State, _ mark: ChangeMark) {
        self.state = state
        self.mark = mark
    }
}

/// How many changes by other programs a store had noticed at one moment.
package struct ChangeMark: Sendable, Equatable {
    /// Changes of Fairlead's objects that were seen.
    package var certain = 0
    /// Occasions on which they may have been changed unseen.
    package var possible = 0

    /// No change noticed.
    package init() {}

    /// The changes noticed between an earlier mark and this one.
    package func changes(since earlier: ChangeMark) -> ForeignChanges {
        if certain != earlier.certain { return .certain }
        return possible != earlier.possible ? .possible : .none
    }
}

/// Whether other programs changed Fairlead's objects.
package enum ForeignChanges: Sendable {
    case none
    /// They may have; only a read shows it.
    case possible
    case certain
}

/// The result of an `apply`.
package struct ApplyReport: Sendable, Equatable {
    /// Changed objects: chains, jumps, sets and their entries, servers, addresses.
    package var operations: Int
    /// How often the work was repeated because another program changed the table meanwhile.
    package var conflicts: Int
    /// Objects that could not be changed; the kernel differs from the plan in them alone.
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
