import Addressing
import DaemonConfiguration
import Planning
import ProxyModes
import ServiceModel

/// One family's plan in one mode, made at once from a snapshot.
struct PlannedFamily<Mode: ProxyMode> {
    var family: IPFamily
    var planner: Mode.ModePlanner
    var desired: DesiredState

    init(
        _ mode: Mode.Type,
        _ family: IPFamily,
        _ settings: PlannerSettings,
        _ update: SnapshotUpdate
    ) {
        self.family = family
        desired = DesiredState(family: family, settings: settings)
        planner = Mode.planner(family, settings)
        let names = desired.select(update)
        planner.load(names, of: desired)
    }

    /// For each family that is asked for; both if none is.
    static func all(
        _ mode: Mode.Type,
        _ configuration: DaemonConfiguration,
        _ update: SnapshotUpdate,
        facts: NodeFacts
    ) -> [PlannedFamily] {
        let settings = PlannerSettings(configuration, facts: facts)
        return (configuration.families ?? IPFamily.allCases).map {
            PlannedFamily(mode, $0, settings, update)
        }
    }

    func complainAboutIssues() {
        for issue in planner.issues { complain("\(family.rawValue): \(issue)") }
    }
}
