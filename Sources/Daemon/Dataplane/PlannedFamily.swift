package import Addressing
package import DaemonConfiguration
package import Planning
package import ProxyModes
package import ServiceModel

/// One family's plan in one mode, made at once from a snapshot.
package struct PlannedFamily<Mode: PlannedMode> {
    package var family: IPFamily
    package var planner: Mode.ModePlanner
    package var desired: DesiredState

    package init(
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
    package static func all(
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
}
