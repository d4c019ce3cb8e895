import Dataplane
import DataplaneModel
import ProxyModes
import ServiceModel

/// Fairlead in one mode as its daemon runs it: one family, in this thread's network namespace.
protocol FairleadPasses {
    associatedtype Mode: PlannedMode
    associatedtype Store: KernelStore
    where Store.State == Mode.ModePlanner.State, Store.Diff == Mode.ModePlanner.Diff

    var store: Store { get }
    var dataplane: ModeDataplane<Mode, Store> { get set }
    /// What the last pass was for.
    var snapshot: ServiceSnapshot { get set }
}

extension FairleadPasses {
    /// Selecting, planning, reading what is there and writing all of `update`.
    mutating func program(_ update: SnapshotUpdate) throws -> Cost {
        snapshot = update.snapshot
        let (cost, report) = try Cost.of { try pass(update, observe: true) }
        try requireSuccess(report.apply)
        return cost
    }

    /// The same when all is there already: nothing is written.
    mutating func programAgain() throws -> Cost {
        let update = SnapshotUpdate(snapshot: snapshot, changed: .all)
        let (cost, report) = try Cost.of { try pass(update, observe: true) }
        guard report.apply.operations == 0, report.drift == 0 else {
            throw BenchFailure("what is there was written again")
        }
        return cost
    }

    mutating func pass(_ update: SnapshotUpdate, observe: Bool) throws -> FamilyPassReport {
        try dataplane.pass(update, observe: observe, explain: false)
    }

    /// Reading all that is there.
    func observe() throws -> Cost {
        try Cost.of { try store.observe() }.0
    }
}

/// All objects have to be taken, or the figures mean nothing.
func requireSuccess(_ report: ApplyReport) throws {
    if let failure = report.failures.first {
        throw BenchFailure("\(report.failures.count) objects were refused, the first: \(failure)")
    }
}
