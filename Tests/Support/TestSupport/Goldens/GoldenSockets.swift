import Addressing
import DataplaneModel
import PacketTracing
import Planning
import ProxyModes
import ServiceModel
import ServiceSources

/// A scenario's plans of the socket level for both families, with TCP and UDP.
struct GoldenSockets {
    /// What a change brings to one family.
    typealias Change = (family: IPFamily, diff: SocketDiff)

    private let settings: PlannerSettings
    private var store = ManifestStore(decoder: ManifestDecoder())
    private var families: [(desired: DesiredState, planner: SocketPlanner)]

    /// `mode` says how connections are spread where neither a Service nor the socket level does.
    init(settings: PlannerSettings, mode: ProxyMode) {
        var settings = settings
        let scheduler: Scheduler? =
            switch mode {
            case .iptables: nil
            case .ipvs: settings.ipvsScheduler
            case .nftables: settings.nftablesScheduler
            }
        settings.socketLB = SocketLBSettings(protocols: [.tcp, .udp], scheduler: scheduler)
        self.init(settings)
    }

    private init(_ settings: PlannerSettings) {
        self.settings = settings
        families = IPFamily.allCases.map {
            (
                DesiredState(family: $0, settings: settings),
                SocketPlanner(family: $0, settings: settings)
            )
        }
    }

    /// Takes in a manifest in place of the one before; the changes it brings, a family each.
    mutating func take(_ manifest: String) -> [Change] {
        let changed = store.update("input.yaml", .text(manifest))
        return take(SnapshotUpdate(snapshot: store.snapshot, changed: .some(changed)))
    }

    private mutating func take(_ update: SnapshotUpdate) -> [Change] {
        families.indices.map { index in
            let names = families[index].desired.select(update)
            let diff = families[index].planner.plan(names, of: families[index].desired)
            return (families[index].planner.family, diff)
        }
    }

    /// The same Services planned from nothing.
    func afresh() -> GoldenSockets {
        var sockets = GoldenSockets(settings)
        _ = sockets.take(SnapshotUpdate(snapshot: store.snapshot, changed: .all))
        return sockets
    }

    /// As `fairlead plan` prints it below the mode's plan.
    var text: String {
        families.map { SocketLevel.plan($0.planner.plan, $0.planner.family) }.joined()
    }

    static func text(_ changes: [Change]) -> String {
        changes.map { SocketLevel.changes($0.diff, $0.family) }.joined()
    }

    /// The socket level above the rules of a mode, for clients on the node and its pods.
    func tracer(
        _ family: IPFamily,
        _ network: NodeNetwork,
        rules: any FlowTracer
    ) -> (any FlowTracer)? {
        guard let planner = families.map(\.planner).first(where: { $0.family == family }) else {
            return nil
        }
        return SocketLevel.tracer(
            planner.plan,
            rules: rules,
            network: network,
            settings: settings,
            pods: .recognized
        )
    }
}
