import Addressing
import ArgumentParser
import DataplaneModel
import Netlink
import Planning
import ServiceModel

/// Measures one size of ipvs mode on the machine that this runs on, which must have IPVS.
struct IPVSSizeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ipvs-size",
        shouldDisplay: false
    )

    private static let rounds = 5
    private static let changes = 200
    /// No tool is measured again when it has taken so many seconds.
    private static let patience = 10.0

    @Argument var size: String

    func run() throws {
        guard let workload = Workload(size) else { throw BenchFailure("\(size) is not a size") }
        var figures = Figures()
        let update = workload.full
        try measureMemory(workload, update, &figures)
        keepMemory()
        let state = IPVSTables.plan(update)
        try measureLife(workload, update, &figures)
        let tools = IPVSTools(state)
        // In turn, so that a busy host is as much in the way of one as of the other.
        for _ in 0..<Self.rounds {
            figures[.full].append(try full(update, bindsRange: false))
            figures[.fullWithRange].append(try full(update, bindsRange: true))
            figures[.plan].append(Cost.of { IPVSTables.plan(update) }.0)
            try measureParts(workload, state, &figures)
            try measureRoutes(state, &figures)
            try measureSingly(state, &figures)
            try measureTools(workload, tools, &figures)
        }
        print(figures.text)
    }

    /// Also makes the kernel load all of this program that matters, once and for all.
    private func measureMemory(
        _ workload: Workload,
        _ update: SnapshotUpdate,
        _ figures: inout Figures
    ) throws {
        try IPVSTables.enterNewNamespace()
        var tables = IPVSTables()
        _ = try tables.program(update)
        _ = try tables.change(workload, count: 10)
        _ = try tables.programAgain()
        figures[.peakMiB] = peakResidentMiB()
    }

    /// What comes after full programming.
    private func measureLife(
        _ workload: Workload,
        _ update: SnapshotUpdate,
        _ figures: inout Figures
    ) throws {
        try IPVSTables.enterNewNamespace()
        var tables = IPVSTables()
        _ = try tables.program(update)
        figures[.fullMessages] = Double(tables.traffic.messages)
        figures[.fullSends] = Double(tables.traffic.sends)
        let (costs, messages) = try tables.change(workload, count: Self.changes)
        figures[.change] = costs
        figures[.changeMessages] = Double(messages)
        let before = tables.traffic.messages
        for _ in 0..<Self.rounds { figures[.observe].append(try tables.observe()) }
        figures[.observeMessages] = Double((tables.traffic.messages - before) / Self.rounds)
        for _ in 0..<Self.rounds { figures[.fullAgain].append(try tables.programAgain()) }
    }

    /// The store's socket ends with this, so that the namespace can go before the next one comes.
    private func full(_ update: SnapshotUpdate, bindsRange: Bool) throws -> Cost {
        try IPVSTables.enterNewNamespace()
        var tables = IPVSTables(bindsRange: bindsRange)
        return try tables.program(update)
    }

    private func measureParts(
        _ workload: Workload,
        _ state: IPVSState,
        _ figures: inout Figures
    ) throws {
        try IPVSTables.enterNewNamespace()
        let parts = IPVSParts()
        let costs = try parts.make(IPVSDiff(from: IPVSState(), to: state), withRules: true)
        figures[.sets].append(costs.sets)
        figures[.rules].append(costs.rules)
        figures[.servers].append(costs.servers)
        figures[.addresses].append(costs.addresses)
        figures[.oneAddress] += try parts.oneAddress(workload, count: 10)
    }

    private func measureRoutes(_ state: IPVSState, _ figures: inout Figures) throws {
        try IPVSTables.enterNewNamespace()
        let parts = IPVSParts()
        figures[.range].append(try parts.bind([Workload.clusterIPs]))
        let addresses = state.binding.addresses.sorted()
        figures[.routes].append(try parts.bind(addresses.map { IPPrefix($0) }))
    }

    private func measureSingly(_ state: IPVSState, _ figures: inout Figures) throws {
        try IPVSTables.enterNewNamespace()
        let traffic = NetlinkTraffic.oneByOne()
        let diff = IPVSDiff(from: IPVSState(), to: state)
        let costs = try IPVSParts(traffic).make(diff, withRules: false)
        figures[.setsSingly].append(costs.sets)
        figures[.serversSingly].append(costs.servers)
        figures[.addressesSingly].append(costs.addresses)
        figures[.messagesSingly] = Double(traffic.messages)
    }

    private func measureTools(
        _ workload: Workload,
        _ tools: IPVSTools,
        _ figures: inout Figures
    ) throws {
        let spent = (figures[.setsByTool] + figures[.serversByTool]).reduce(0) { $0 + $1.wall }
        guard spent < Self.patience else { return }
        try IPVSTables.enterNewNamespace()
        let costs = try tools.restore()
        figures[.setsByTool].append(costs.sets)
        figures[.serversByTool].append(costs.servers)
        figures[.changeByTool] += try tools.change(workload, count: Self.rounds)
    }
}
