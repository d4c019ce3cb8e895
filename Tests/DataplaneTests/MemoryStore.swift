import DataplaneModel
import Planning
import SystemCalls
import TestSupport

/// A kernel in memory that executes diffs, counts calls and can be made to fail.
final class MemoryStore: KernelStore {
    var state = IPTablesState()
    var applied: [IPTablesDiff] = []
    var observations = 0
    /// So many applies fail as a whole.
    var failures = 0
    var failureKind = DataplaneError.Kind.busy
    /// Single objects that every `apply` reports as not changed.
    var objectFailures: [DataplaneError] = []
    /// As long as it does, nothing is changed.
    var isRefusing = false
    /// What other programs were seen to do.
    var mark = ChangeMark()
    var changesFailure: DataplaneError?

    func observe() throws(DataplaneError) -> Observation<IPTablesState> {
        observations += 1
        if OptionalWork.isUnwanted {
            throw DataplaneError(kind: .other, operation: "observe", subject: "fake", errno: 125)
        }
        return Observation(state, mark)
    }

    func changes(since mark: ChangeMark) throws(DataplaneError) -> ForeignChanges {
        if let changesFailure { throw changesFailure }
        return self.mark.changes(since: mark)
    }

    func performDueWork(expecting plan: IPTablesState?) throws(DataplaneError) {
        if let plan, state != plan { mark.certain += 1 }
    }

    func apply(_ diff: IPTablesDiff) throws(DataplaneError) -> ApplyReport {
        if failures > 0 {
            failures -= 1
            throw DataplaneError(kind: failureKind, operation: "apply", subject: "fake", errno: 11)
        }
        applied.append(diff)
        if !isRefusing {
            for table in diff.tables { state[table.table].execute(table) }
        }
        return ApplyReport(operations: diff.count, failures: objectFailures)
    }
}
