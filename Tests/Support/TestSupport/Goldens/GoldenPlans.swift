package import Addressing
package import Planning
package import ProxyModes
import ServiceModel
import ServiceSources

/// A scenario's plans for both families in one mode, and how its changes carry them on.
package struct GoldenPlans<Mode: PlannedMode> {
    package struct FamilyPlan {
        package let family: IPFamily
        package var desired: DesiredState
        package var planner: Mode.ModePlanner
    }

    /// What a change brings to one family.
    package typealias Change = (family: IPFamily, diff: Mode.ModePlanner.Diff)

    private let settings: PlannerSettings
    private var store = ManifestStore(decoder: ManifestDecoder())
    package private(set) var families: [FamilyPlan]

    package init(_ mode: Mode.Type, settings: PlannerSettings) {
        self.settings = settings
        families = IPFamily.allCases.map {
            FamilyPlan(
                family: $0,
                desired: DesiredState(family: $0, settings: settings),
                planner: mode.planner($0, settings)
            )
        }
    }

    /// Takes in a manifest in place of the one before; the changes it brings, a family each.
    package mutating func take(_ manifest: String) -> [Change] {
        let changed = store.update("input.yaml", .text(manifest))
        return take(SnapshotUpdate(snapshot: store.snapshot, changed: .some(changed)))
    }

    private mutating func take(_ update: SnapshotUpdate) -> [Change] {
        families.indices.map { index in
            let names = families[index].desired.select(update)
            let diff = families[index].planner.plan(names, of: families[index].desired)
            return (families[index].family, diff)
        }
    }

    /// The same Services planned from nothing.
    package func afresh() -> GoldenPlans {
        var plans = GoldenPlans(Mode.self, settings: settings)
        _ = plans.take(SnapshotUpdate(snapshot: store.snapshot, changed: .all))
        return plans
    }

    package func planner(_ family: IPFamily) -> Mode.ModePlanner? {
        families.first { $0.family == family }?.planner
    }

    /// What is wrong with the manifest or can't be planned, a line each.
    package var issues: String {
        var lines = store.snapshot.issues.map(\.description)
        for family in families {
            lines += family.planner.issues.map { "\(family.family.rawValue): \($0)" }
        }
        return lines.map { $0 + "\n" }.joined()
    }

    /// As `fairlead plan` prints it.
    package var text: String {
        families.map { Mode.plan($0.planner.plan, $0.family) }.joined()
    }

    /// As `fairlead plan --diff` prints it.
    package static func text(_ changes: [Change]) -> String {
        changes.map { Mode.changes($0.diff, $0.family) }.joined()
    }
}
