import Addressing
import DaemonConfiguration
import DataplaneModel
import Planning
import ServiceModel

/// One family's plan, made at once from a snapshot.
struct PlannedFamily {
    var family: IPFamily
    var planner: IPTablesPlanner
    var desired: DesiredState

    init(_ family: IPFamily, _ settings: PlannerSettings, _ update: SnapshotUpdate) {
        self.family = family
        desired = DesiredState(family: family, settings: settings)
        planner = IPTablesPlanner(family: family, settings: settings)
        let names = desired.select(update)
        _ = planner.plan(names, of: desired)
    }

    /// For each family that is asked for; both if none is.
    static func all(
        _ configuration: DaemonConfiguration,
        _ update: SnapshotUpdate,
        facts: NodeFacts
    ) -> [PlannedFamily] {
        let settings = PlannerSettings(configuration, facts: facts)
        return (configuration.families ?? IPFamily.allCases).map {
            PlannedFamily($0, settings, update)
        }
    }
}
