package import Addressing
package import DataplaneModel
package import PacketTracing
package import Planning
import PrintableText

/// A mode as far as it is pure: how it is planned, shown and traced.
package protocol PlannedMode: Sendable {
    associatedtype ModePlanner: Planner
    associatedtype Renderer: PlanRenderer
    where Renderer.State == ModePlanner.State, Renderer.Diff == ModePlanner.Diff

    static var mode: ProxyMode { get }

    /// `planner`, where the state is its plan, knows names that the state itself does not hold.
    static func tracer(
        _ state: ModePlanner.State,
        network: NodeNetwork,
        planner: ModePlanner?
    ) -> any FlowTracer

    /// The plan has node ports on 127.0.0.1, which needs the host's setting `route_localnet`.
    static func needsRouteLocalnet(_ planner: ModePlanner) -> Bool

    /// The plan has the rules that keep neighbours out of 127.0.0.0/8.
    static func plansLocalhostGuard(_ planner: ModePlanner) -> Bool

    /// Whether the rules that keep neighbours out of 127.0.0.0/8 stay even if the plan does not need them.
    static func keepLocalhostGuard(_ keeps: Bool, _ planner: inout ModePlanner)

    /// Planned rules by legacy table; empty where their number does not depend on Services.
    static func ruleCounts(_ planner: ModePlanner) -> [TableName: Int]

    /// What decides how many of a Service port's connections each endpoint gets.
    static func spreading(_ port: ServicePortState, _ settings: PlannerSettings) -> Spreading
}

extension ProxyMode {
    package var planned: any PlannedMode.Type {
        switch self {
        case .iptables: IPTablesMode.self
        case .ipvs: IPVSMode.self
        case .nftables: NFTablesMode.self
        }
    }
}

extension PlannedMode {
    /// Without Services.
    package static func planner(_ family: IPFamily, _ settings: PlannerSettings) -> ModePlanner {
        ModePlanner(family: family, settings: settings)
    }

    package static func spreading(
        _ port: ServicePortState,
        _ settings: PlannerSettings
    ) -> Spreading { .byWeight }

    package static func needsRouteLocalnet(_ planner: ModePlanner) -> Bool { false }

    package static func ruleCounts(_ planner: ModePlanner) -> [TableName: Int] { [:] }

    package static func text(_ state: ModePlanner.State, _ family: IPFamily) -> String {
        Renderer(family: family).render(state)
    }

    package static func text(_ diff: ModePlanner.Diff, _ family: IPFamily) -> String {
        Renderer(family: family).render(diff)
    }

    /// A plan as `fairlead plan` prints it.
    package static func plan(_ state: ModePlanner.State, _ family: IPFamily) -> String {
        "# Fairlead's rules for \(family.rawValue), mode \(mode.rawValue)\n" + text(state, family)
    }

    /// A change as `fairlead plan --diff` prints it.
    package static func changes(_ diff: ModePlanner.Diff, _ family: IPFamily) -> String {
        let summary = diff.isEmpty ? "nothing to change" : counted(diff.count, "change")
        return "# \(family.rawValue): \(summary)\n" + text(diff, family)
    }
}
