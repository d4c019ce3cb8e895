import Addressing
import ArgumentParser
import DataplaneModel
import HostFacts
import Planning
import ServiceModel

/// Measures one size of the socket level in a process of its own, so that memory is that of the size.
struct SocketSizeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "socket-size",
        shouldDisplay: false
    )

    private static let rounds = 5
    private static let changes = 200

    @Argument var size: String

    func run() throws {
        guard let workload = Workload(size) else { throw BenchFailure("\(size) is not a size") }
        var figures = Figures()
        let update = workload.full
        let cgroup = try Cgroup("size-\(size)")
        defer { cgroup.remove() }
        try measureLife(workload, update, cgroup, &figures)
        for number in 0..<Self.rounds {
            let own = try Cgroup("size-\(size)-\(number)")
            defer { own.remove() }
            try measureFull(update, own, &figures)
        }
        measurePlanning(workload, update, &figures)
        print(figures.text)
    }

    /// One full programming and what comes after it.
    private func measureLife(
        _ workload: Workload,
        _ update: SnapshotUpdate,
        _ cgroup: Cgroup,
        _ figures: inout Figures
    ) throws {
        try NetworkNamespace.enterNew()
        var tables = try SocketTables(cgroup)
        _ = try tables.program(update)
        for step in 1...Self.changes {
            let change = try tables.change(workload, step: step)
            figures[.change].append(change.cost)
            // One endpoint is one group at any size.
            guard change.operations == 1 else {
                throw BenchFailure("one endpoint took \(change.operations) operations")
            }
        }
        figures[.peakMiB] = peakResidentMiB()
        for _ in 0..<Self.rounds { figures[.fullAgain].append(try tables.programAgain()) }
        figures[.peakReadingMiB] = peakResidentMiB()
        try tables.remove()
    }

    private func measureFull(
        _ update: SnapshotUpdate,
        _ cgroup: Cgroup,
        _ figures: inout Figures
    ) throws {
        try NetworkNamespace.enterNew()
        var tables = try SocketTables(cgroup)
        let before = systemSeconds()
        let cost = try tables.program(update)
        figures[.full].append(cost)
        figures[.fullSystem].append(Cost(cpu: systemSeconds() - before, wall: cost.wall))
        try tables.remove()
    }

    private func measurePlanning(
        _ workload: Workload,
        _ update: SnapshotUpdate,
        _ figures: inout Figures
    ) {
        for round in 0..<Self.rounds {
            var desired = DesiredState(family: .ipv4, settings: SocketTables.settings)
            var planner = SocketPlanner(family: .ipv4, settings: SocketTables.settings)
            figures[.planAll].append(
                Cost.of { planner.load(desired.select(update), of: desired) }.0
            )
            guard round == 0 else { continue }
            for step in 1...Self.changes {
                let change = workload.change(of: update.snapshot, step: step)
                figures[.planOne].append(
                    Cost.of { _ = planner.plan(desired.select(change), of: desired) }.0
                )
            }
        }
    }
}
