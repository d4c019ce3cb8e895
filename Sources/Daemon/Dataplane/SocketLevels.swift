import Addressing
import DaemonConfiguration
import DataplaneModel
import Planning
import ServiceModel

/// The socket level of all families, which the configuration may switch on and off. What fails here never
/// keeps the mode's rules from being changed.
struct SocketLevels {
    /// Empty while it is off, and until it could be opened.
    private(set) var families: [any SocketFamily] = []
    private var openingError: DataplaneError?
    /// An earlier configuration, or an earlier process, may have left programs.
    private var mayHaveRemains = true

    /// Another configuration: what is in the kernel stays until the next pass.
    mutating func reset() {
        families = []
        openingError = nil
        mayHaveRemains = true
    }

    mutating func replan(_ settings: PlannerSettings) {
        for index in families.indices { families[index].replan(settings) }
    }

    func hasDrifted() -> Bool { families.contains { $0.hasDrifted() } }

    mutating func performDueWork() {
        for index in families.indices { families[index].performDueWork() }
    }

    /// What the programs have at their disposal now, where it is known.
    mutating func look() -> [IPFamily: SocketUse] {
        var uses: [IPFamily: SocketUse] = [:]
        for index in families.indices {
            families[index].look()
            uses[families[index].family] = families[index].use
        }
        return uses
    }

    // MARK: - Passes

    /// Opens the socket level if it is on and is not open yet. It needs a bpf file system and a cgroup, which
    /// may come later.
    mutating func open(
        _ wanted: [IPFamily],
        _ settings: PlannerSettings,
        _ configuration: DaemonConfiguration,
        _ host: any DataplaneHost
    ) {
        guard configuration.socketLB.scope != .off, families.isEmpty else { return }
        do throws(DataplaneError) {
            var opened: [any SocketFamily] = []
            for family in wanted {
                opened.append(try host.sockets(family, settings, configuration))
            }
            families = opened
            openingError = nil
        } catch {
            openingError = error
        }
    }

    /// The part of a pass before the rules of a family.
    mutating func begin(_ family: IPFamily, _ update: SnapshotUpdate) {
        guard let index = families.firstIndex(where: { $0.family == family }) else { return }
        families[index].begin(update)
    }

    /// The part after them; nil while the socket level is off.
    mutating func finish(
        _ family: IPFamily,
        _ update: SnapshotUpdate,
        observe: (any SocketFamily) -> Bool,
        unless hasOther: (@Sendable () -> Bool)?,
        explain: Bool
    ) -> PassReport.SocketOutcome? {
        guard let index = families.firstIndex(where: { $0.family == family }) else {
            return openingError.map { PassReport.SocketOutcome(error: $0) }
        }
        var outcome = PassReport.SocketOutcome()
        do throws(DataplaneError) {
            outcome.report = try families[index].finish(
                update,
                observe: observe(families[index]),
                unless: hasOther,
                explain: explain
            )
        } catch {
            outcome.error = error
        }
        outcome.failures = families[index].failures
        outcome.use = families[index].use
        return outcome
    }

    /// Removes what is left of a socket level that is off. To be called after the rules' pass: from then on
    /// they alone serve. Returns the number of removed objects.
    mutating func removeRemains(
        _ configuration: DaemonConfiguration,
        _ host: any DataplaneHost
    ) throws(DataplaneError) -> Int {
        guard mayHaveRemains, configuration.socketLB.scope == .off else { return 0 }
        let removed = try host.removeSockets(configuration)
        mayHaveRemains = false
        return removed
    }
}
