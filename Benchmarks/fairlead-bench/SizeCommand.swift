import Addressing
import ArgumentParser
import DataplaneModel
import Glibc
import Planning
import ServiceModel

/// Measures one size in a process of its own, so that memory is that of the size.
struct SizeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "size", shouldDisplay: false)

    @Argument var size: String
    /// Without the layout that is compared, which takes a minute at the largest size.
    @Flag var fairleadOnly = false

    func run() throws {
        guard let workload = Workload(size) else { throw BenchFailure("\(size) is not a size") }
        var figures = Figures()
        let update = workload.full
        try measureFairlead(workload, update, &figures)
        figures[.peakMiB] = peakResidentMiB()
        try measureFloor(&figures)
        measurePlanning(workload, update, &figures)
        if !fairleadOnly { try measureClassic(workload, &figures) }
        print(figures.text)
    }

    private func measureFairlead(
        _ workload: Workload,
        _ update: SnapshotUpdate,
        _ figures: inout Figures
    ) throws {
        for round in 0..<5 {
            try FairleadTables.enterNewNamespace()
            var tables = FairleadTables()
            figures[.full].append(try tables.program(update))
            guard round == 0 else { continue }
            for step in 1...10 {
                figures[.change].append(try tables.change(workload, step: step))
            }
        }
    }

    /// The tables as Fairlead left them, written by nothing but the request itself.
    private func measureFloor(_ figures: inout Figures) throws {
        let nat = try RawTable(.nat)
        let filter = try RawTable(.filter)
        figures[.natBytes] = Double(nat.byteCount)
        figures[.filterBytes] = Double(filter.byteCount)
        for _ in 0..<10 { figures[.changeFloor].append(try nat.replace()) }
        for _ in 0..<5 {
            try FairleadTables.enterNewNamespace()
            figures[.fullFloor].append(try filter.replace() + nat.replace())
        }
    }

    private func measurePlanning(
        _ workload: Workload,
        _ update: SnapshotUpdate,
        _ figures: inout Figures
    ) {
        let settings = FairleadTables.settings
        for round in 0..<5 {
            var desired = DesiredState(family: .ipv4, settings: settings)
            var planner = IPTablesPlanner(family: .ipv4, settings: settings)
            figures[.planAll].append(
                Cost.of { planner.load(desired.select(update), of: desired) }.0
            )
            guard round == 0 else { continue }
            for step in 1...100 {
                let change = workload.change(of: update.snapshot, step: step)
                figures[.planOne].append(
                    Cost.of { _ = planner.plan(desired.select(change), of: desired) }.0
                )
            }
        }
    }

    private func measureClassic(_ workload: Workload, _ figures: inout Figures) throws {
        try FairleadTables.enterNewNamespace()
        let layout = ClassicLayout(workload: workload)
        let restore = "iptables-legacy-restore"
        figures[.classicFull].append(
            try ChildProcess.measure([restore], input: layout.full)
        )
        for step in 1...4 {
            let members = step.isMultiple(of: 2) ? workload.endpoints : workload.endpoints - 1
            figures[.classicChange].append(
                try ChildProcess.measure(
                    [restore, "--noflush"],
                    input: layout.change(members: members)
                )
            )
        }
    }
}
