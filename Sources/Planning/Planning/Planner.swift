package import Addressing
package import ServiceModel

/// Turns desired state into the wanted kernel state of one mode and family. Pure and total: what
/// cannot be planned becomes an issue.
package protocol Planner: Sendable {
    /// The kernel state of this mode.
    associatedtype State: Sendable & Equatable
    /// What turns one state into another.
    associatedtype Diff: PlanDiff where Diff.State == State

    /// A plan without Services.
    init(family: IPFamily, settings: PlannerSettings)

    /// The whole wanted state.
    var plan: State { get }
    /// What could not be planned, sorted.
    var issues: [PlanIssue] { get }

    /// Plans the named Services anew and returns what that changes.
    mutating func plan(_ names: [ServiceName], of desired: DesiredState) -> Diff

    /// The same without the difference, for when the kernel is compared with the whole plan.
    mutating func load(_ names: [ServiceName], of desired: DesiredState)

    /// The owner of each change in a `diff` that leads to the plan, unordered.
    func differences(in diff: Diff) -> [ObjectDifference]

    /// The Services that own something of it, without those that share it with all. For a whole table this is much
    /// cheaper than `differences`.
    func services(in diff: Diff) -> Set<ServiceName>
}

extension Planner {
    package mutating func load(_ names: [ServiceName], of desired: DesiredState) {
        _ = plan(names, of: desired)
    }

    package func services(in diff: Diff) -> Set<ServiceName> {
        Set(differences(in: diff).flatMap(\.services))
    }
}

/// Changes that can be counted.
package protocol PlanDiff: Sendable {
    associatedtype State

    /// Everything that differs.
    init(from old: State, to new: State)

    var isEmpty: Bool { get }
    /// Number of changed objects.
    var count: Int { get }
    var countByObject: [ChangedObject: Int] { get }
}

/// A sort of object that a change counts; raw values are those of the metrics.
package enum ChangedObject: String, Sendable, CaseIterable {
    case table
    case chain
    case jump
    /// With its entries.
    case set
    /// Virtual and real servers.
    case server
    case address
    /// What socket programs look up.
    case frontend
    /// An endpoint group of socket programs, with its endpoints.
    case group
    /// The socket programs of a family.
    case program
}
