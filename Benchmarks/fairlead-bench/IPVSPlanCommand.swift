import Addressing
import ArgumentParser
import DataplaneModel
import Planning
import ServiceModel

/// Measures selecting and planning at one size in a process of its own; needs nothing of the kernel.
struct IPVSPlanCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ipvs-plan",
        shouldDisplay: false
    )

    @Argument var size: String
    func run() throws {
        guard let workload = Workload(size) else { throw BenchFailure("\(size) is not a size") }
        var figures = Figures()
        let update = workload.full
        let settings = IPVSTables.settings(bindsRange: false)
        for round in 0..<5 {
            var desired = DesiredState(family: .ipv4, settings: settings)
            var planner = IPVSPlanner(family: .ipv4, settings: settings)
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
        print(figures.text)
    }
}
