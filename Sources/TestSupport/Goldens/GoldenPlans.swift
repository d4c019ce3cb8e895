package import Addressing
package import DataplaneModel
package import Planning
import ServiceModel
import ServiceSources

/// A scenario's plans for both families, and how its changes carry them on.
package struct GoldenPlans {
    package struct FamilyPlan {
        package let family: IPFamily
        package var desired: DesiredState
        package var planner: IPTablesPlanner
    }

    private let settings: PlannerSettings
    private var store = ManifestStore(decoder: ManifestDecoder())
    package private(set) var families: [FamilyPlan]

    package init(settings: PlannerSettings) {
        self.settings = settings
        families = IPFamily.allCases.map {
            FamilyPlan(
                family: $0,
                desired: DesiredState(family: $0, settings: settings),
                planner: IPTablesPlanner(family: $0, settings: settings)
            )
        }
    }

    /// Takes in a manifest in place of the one before; the changes it brings, a family each.
    package mutating func take(_ manifest: String) -> [(family: IPFamily, diff: IPTablesDiff)] {
        let changed = store.update("input.yaml", .text(manifest, isJSON: false))
        return take(SnapshotUpdate(snapshot: store.snapshot, changed: .some(changed)))
    }

    private mutating func take(
        _ update: SnapshotUpdate
    ) -> [(family: IPFamily, diff: IPTablesDiff)] {
        families.indices.map { index in
            let names = families[index].desired.select(update)
            let diff = families[index].planner.plan(names, of: families[index].desired)
            return (families[index].family, diff)
        }
    }

    /// The same Services planned from nothing.
    package func afresh() -> GoldenPlans {
        var plans = GoldenPlans(settings: settings)
        _ = plans.take(SnapshotUpdate(snapshot: store.snapshot, changed: .all))
        return plans
    }

    package func plan(_ family: IPFamily) -> IPTablesState? {
        families.first { $0.family == family }?.planner.plan
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
        families.map { family in
            "# Fairlead's rules for \(family.family.rawValue), mode iptables\n"
                + IPTablesRenderer(family: family.family).render(family.planner.plan)
        }
        .joined()
    }

    package static func text(_ changes: [(family: IPFamily, diff: IPTablesDiff)]) -> String {
        changes.map { family, diff in
            "# \(family.rawValue): \(diff.isEmpty ? "nothing to change" : "\(diff.count) changes")\n"
                + IPTablesRenderer(family: family).render(diff)
        }
        .joined()
    }
}
