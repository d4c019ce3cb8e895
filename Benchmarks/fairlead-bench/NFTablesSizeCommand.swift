import Addressing
import ArgumentParser
import DataplaneModel
import HostFacts
import Planning
import ServiceModel

/// Measures one size of nftables mode in a process of its own, so that memory is that of the size.
struct NFTablesSizeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "nftables-size",
        shouldDisplay: false
    )

    private static let rounds = 5
    private static let changes = 200
    /// The other layout is not loaded with more Services.
    private static let mostChains = 5000

    @Argument var size: String
    /// Without the layout that is compared.
    @Flag var fairleadOnly = false

    func run() throws {
        guard let workload = Workload(size) else { throw BenchFailure("\(size) is not a size") }
        var figures = Figures()
        let update = workload.full
        try measureLife(workload, update, &figures)
        for _ in 0..<Self.rounds { try measureFull(update, &figures) }
        measurePlanning(workload, update, &figures)
        if !fairleadOnly, workload.services <= Self.mostChains {
            try measureChains(workload, &figures)
        }
        print(figures.text)
    }

    /// One full programming and what comes after it.
    private func measureLife(
        _ workload: Workload,
        _ update: SnapshotUpdate,
        _ figures: inout Figures
    ) throws {
        try NetworkNamespace.enterNew()
        var tables = NFTTables()
        _ = try tables.program(update)
        figures[.fullMessages] = Double(tables.messagesSent)
        for step in 1...Self.changes {
            let change = try tables.change(workload, step: step)
            figures[.change].append(change.cost)
            figures[.listen].append(change.listening)
            figures[.changeMessages] = max(
                figures[.changeMessages] ?? 0,
                Double(change.messages)
            )
            figures[.changeElements] = max(
                figures[.changeElements] ?? 0,
                Double(change.elements)
            )
        }
        figures[.peakMiB] = peakResidentMiB()
        for _ in 0..<Self.rounds { figures[.observe].append(try tables.observe()) }
        for _ in 0..<Self.rounds { figures[.fullAgain].append(try tables.programAgain()) }
        figures[.peakReadingMiB] = peakResidentMiB()
    }

    private func measureFull(_ update: SnapshotUpdate, _ figures: inout Figures) throws {
        try NetworkNamespace.enterNew()
        var tables = NFTTables()
        let before = systemSeconds()
        let cost = try tables.program(update)
        figures[.full].append(cost)
        figures[.fullSystem].append(Cost(cpu: systemSeconds() - before, wall: cost.wall))
    }

    private func measurePlanning(
        _ workload: Workload,
        _ update: SnapshotUpdate,
        _ figures: inout Figures
    ) {
        let settings = FairleadTables.settings
        for round in 0..<Self.rounds {
            var desired = DesiredState(family: .ipv4, settings: settings)
            var planner = NFTablesPlanner(family: .ipv4, settings: settings)
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

    private func measureChains(_ workload: Workload, _ figures: inout Figures) throws {
        try NetworkNamespace.enterNew()
        let layout = ChainLayout(workload: workload)
        let nft = ["nft", "-f", "-"]
        figures[.classicFull].append(
            try layout.pieces.map { try ChildProcess.measure(nft, input: $0) }
                .reduce(Cost(cpu: 0, wall: 0), +)
        )
        for step in 1...4 {
            let members = step.isMultiple(of: 2) ? workload.endpoints : workload.endpoints - 1
            figures[.classicChange].append(
                try ChildProcess.measure(nft, input: layout.change(members: members))
            )
        }
    }
}
