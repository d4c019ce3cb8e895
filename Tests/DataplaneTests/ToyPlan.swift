import Addressing
import DataplaneModel
import Planning
import ServiceModel

/// The smallest thing to plan: an object for each Service, whose value is its number of endpoints.
struct ToyPlanner: Planner {
    private(set) var plan: [String: Int] = [:]
    var issues: [PlanIssue] { [] }

    init() {}
    init(family: IPFamily, settings: PlannerSettings) {}

    mutating func plan(_ names: [ServiceName], of desired: DesiredState) -> ToyDiff {
        let before = plan
        for name in names {
            plan[name.name] = desired.services[name]?.ports.first?.endpoints.cluster.count
        }
        return ToyDiff(from: before, to: plan)
    }

    func differences(in diff: ToyDiff) -> [ObjectDifference] {
        diff.changes.keys.map {
            let owner = ObjectDifference.Owner.services([toyService($0)], port: nil)
            return ObjectDifference(kind: .chain, name: $0, state: .different, owner: owner)
        }
    }
}

func toyService(_ name: String) -> ServiceName { ServiceName(namespace: "shop", name: name) }

/// Objects with the values they get; nil removes one.
struct ToyDiff: PlanDiff {
    var changes: [String: Int?] = [:]

    init(from old: [String: Int], to new: [String: Int]) {
        for name in Set(old.keys).union(new.keys) where old[name] != new[name] {
            changes[name] = .some(new[name])
        }
    }

    var isEmpty: Bool { changes.isEmpty }
    var count: Int { changes.count }
    var countByObject: [ChangedObject: Int] { [.chain: count] }
}

/// A kernel in memory to which other programs write, between calls and in the middle of them. It keeps
/// the contract of a store, and so is what a reconciler may rely on and no more.
final class ContestedStore: KernelStore {
    private(set) var state: [String: Int] = [:]
    /// The same without what other programs did since it was last read.
    private var left: [String: Int] = [:]
    /// What others had changed when it was last read; nil if it was not read since that was taken.
    private var found: Set<String>?
    private var mark = ChangeMark()
    /// Runs in the middle of the next call, at the place of that number.
    var interruption: (place: Int, body: () -> Void)?
    var fails = false

    /// Another program sets an object, or removes it, which the store notices for sure or not.
    func write(_ name: String, _ value: Int?, isCertain: Bool) {
        guard state[name] != value else { return }
        state[name] = value
        if isCertain { mark.certain += 1 } else { mark.possible += 1 }
    }

    private func pass(_ place: Int) {
        guard let interruption, interruption.place == place else { return }
        self.interruption = nil
        interruption.body()
    }

    func observe() throws(DataplaneError) -> Observation<[String: Int]> {
        pass(0)
        let mark = mark
        pass(1)
        let read = state
        found = Set(ToyDiff(from: left, to: read).changes.keys)
        left = read
        pass(2)
        return Observation(read, mark)
    }

    func apply(_ diff: ToyDiff) throws(DataplaneError) -> ApplyReport {
        pass(3)
        if fails {
            fails = false
            throw DataplaneError(kind: .conflict, operation: "apply", subject: "toy", errno: 11)
        }
        for (name, value) in diff.changes {
            state[name] = value
            left[name] = value
        }
        pass(4)
        return ApplyReport(operations: diff.count)
    }

    func changes(since mark: ChangeMark) throws(DataplaneError) -> ForeignChanges {
        self.mark.changes(since: mark)
    }

    /// What others had changed when it was last read, once.
    func takeFound() -> Set<String> {
        defer { found = nil }
        return found ?? []
    }
}
