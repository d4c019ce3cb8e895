package import Addressing
package import PacketTracing
package import Planning

/// A way to program the kernel, as far as it is pure: how it is planned, shown and traced.
package protocol ProxyMode: Sendable {
    associatedtype ModePlanner: Planner

    /// As in the configuration: `iptables`, `ipvs`.
    static var name: String { get }
    /// What nothing of ours in the kernel looks like.
    static var nothing: ModePlanner.State { get }

    /// Without Services.
    static func planner(_ family: IPFamily, _ settings: PlannerSettings) -> ModePlanner

    /// In the dialects of the kernel's own tools.
    static func text(_ state: ModePlanner.State, _ family: IPFamily) -> String
    static func text(_ diff: ModePlanner.Diff, _ family: IPFamily) -> String

    /// For JSON.
    static func document(_ state: ModePlanner.State, _ family: IPFamily) -> any Encodable
    static func document(_ diff: ModePlanner.Diff, _ family: IPFamily) -> any Encodable

    /// `planner`, where the state is its plan, tells names that the state itself does not hold.
    static func tracer(
        _ state: ModePlanner.State,
        network: NodeNetwork,
        planner: ModePlanner?
    ) -> any FlowTracer
}

extension ProxyMode {
    /// The heading of a plan's text.
    package static func heading(_ family: IPFamily) -> String {
        "# Fairlead's rules for \(family.rawValue), mode \(name)"
    }

    /// A plan as `fairlead plan` prints it.
    package static func plan(_ state: ModePlanner.State, _ family: IPFamily) -> String {
        heading(family) + "\n" + text(state, family)
    }

    /// A change as `fairlead plan --diff` prints it.
    package static func changes(_ diff: ModePlanner.Diff, _ family: IPFamily) -> String {
        "# \(family.rawValue): \(diff.isEmpty ? "nothing to change" : "\(diff.count) changes")\n"
            + text(diff, family)
    }
}
