import Addressing
import Conntrack
package import DaemonConfiguration
package import Dataplane
import DataplaneModel
import HostChecks
import HostFacts
import NodeAddresses
import Planning
import SocketLB
import XTables

extension Dataplane {
    /// On this host. Touches nothing before `start`.
    package init(_ configuration: DaemonConfiguration) {
        self.init(
            configuration,
            host: LinuxHost(configuration),
            flows: KernelFlows(namespace: configuration.networkNamespace)
        )
    }
}

/// This host's kernel, as the dataplane needs it.
private final class LinuxHost: DataplaneHost {
    private var configuration: DaemonConfiguration
    private var opened: Kernel?
    private let addresses = LocalAddressWatch()
    private let primary = PrimaryAddressWatch()
    private let tcpLiberality = KeptSysctl(NodeFacts.tcpLiberality)
    /// Opened at the first look at it, and kept open: closing it would look like a change by another program.
    private var lock: XTablesLock

    init(_ configuration: DaemonConfiguration) {
        self.configuration = configuration
        lock = XTablesLock(Kernel.lock(configuration))
    }

    func start(
        _ configuration: DaemonConfiguration
    ) throws(DataplaneError) -> (configuration: DaemonConfiguration, reason: String?) {
        var reason: String?
        self.configuration = try configuration.choosingMode { reason = $0.reason }
        opened = try Kernel(self.configuration, watchesLock: true)
        return (self.configuration, reason)
    }

    /// Entered by `start`; before it, the namespace of the thread.
    private func kernel() throws(DataplaneError) -> Kernel {
        if let opened { return opened }
        let kernel = try Kernel(configuration, watchesLock: true)
        opened = kernel
        return kernel
    }

    func families() throws(DataplaneError) -> [IPFamily] { try kernel().families() }

    func facts() throws(DataplaneError) -> NodeFacts {
        NodeFacts.observe(
            try addresses.addresses(),
            try primary.addresses(),
            tcpIsLiberal: try NodeFacts.isOn(tcpLiberality)
        )
    }

    var announcements: [Int32]? {
        guard let addresses = addresses.descriptor, let primary = primary.descriptor else {
            return nil
        }
        return [addresses, primary]
    }

    func isLockFree() -> Bool { lock.isFree() }

    func shortcomings(_ families: [IPFamily]) -> [String] {
        let findings =
            configuration.chosenMode.installed.capabilities(families, configuration)
            + KernelCapabilities.socketLevel(families, configuration.socketLB)
        return findings.filter { $0.level > .good }.map { "\($0.subject): \($0.detail)" }
    }

    func prepare(_ configuration: DaemonConfiguration) -> [String] {
        configuration.chosenMode.installed.prepareHost(configuration)
            + ConntrackSettings(configuration.conntrack).apply().map(\.description)
    }

    func dataplane(
        _ family: IPFamily,
        _ settings: PlannerSettings
    ) throws(DataplaneError) -> any FamilyDataplane {
        Self.dataplane(configuration.chosenMode.installed, family, settings, try kernel())
    }

    private static func dataplane<Mode: InstalledMode>(
        _ mode: Mode.Type,
        _ family: IPFamily,
        _ settings: PlannerSettings,
        _ kernel: borrowing Kernel
    ) -> any FamilyDataplane {
        let directory = kernel.configuration.sources.stateDirectory
        return ModeDataplane(
            mode,
            family,
            settings,
            mode.store(family, kernel),
            localnet: family == .ipv4 ? RouteLocalnet(stateDirectory: directory) : nil
        )
    }

    func leftovers(_ family: IPFamily) throws(DataplaneError) -> any ModeLeftovers {
        OtherModes(family, try kernel())
    }

    func sockets(
        _ family: IPFamily,
        _ settings: PlannerSettings,
        _ configuration: DaemonConfiguration
    ) throws(DataplaneError) -> any SocketFamily {
        SocketDataplane(
            family,
            settings,
            SocketStore(family: family, place: try SocketPlace(configuration.socketLB))
        )
    }

    func removeSockets(_ configuration: DaemonConfiguration) throws(DataplaneError) -> Int {
        try SocketStore.removeOwn(directory: configuration.socketLB.bpfDirectory) ?? 0
    }
}

/// UDP flows in the kernel's table, looked at in the configured namespace.
private final class KernelFlows: FlowTable {
    private let namespace: String?
    private var hasEntered = false
    private var stores: [IPFamily: ConntrackStore] = [:]
    private var sockets: [IPFamily: TranslatedSockets] = [:]
    private let addresses = LocalAddressWatch()

    init(namespace: String?) {
        self.namespace = namespace
    }

    func localAddresses() throws(DataplaneError) -> [IPAddress] {
        try enter()
        return NodeFacts.own(try addresses.addresses())
    }

    func deleteFlows(
        _ family: IPFamily,
        where isStale: (UDPFlow) -> Bool
    ) throws(DataplaneError) -> (deleted: Int, failures: [DataplaneError]) {
        try enter()
        let store = stores[family] ?? ConntrackStore(family: family)
        stores[family] = store
        let report = try store.deleteFlows(where: isStale)
        return (report.deleted, report.failures)
    }

    func endSockets(
        _ family: IPFamily,
        _ level: FlowUses.Sockets,
        where isStale: (UDPFlow) -> Bool
    ) throws(DataplaneError) -> EndedSockets {
        try enter()
        // The directory is the daemon's as long as it runs.
        let known = sockets[family]
        var translated =
            known ?? TranslatedSockets(family: family, directory: level.bpfDirectory)
        defer { sockets[family] = translated }
        let report = try translated.end(level.ofPods ? .all : .node, where: isStale)
        return EndedSockets(
            count: report.ended,
            failures: report.failures,
            isUnfinished: report.isUnfinished
        )
    }

    private func enter() throws(DataplaneError) {
        if let namespace, !hasEntered { try NetworkNamespace.enter(namespace) }
        hasEntered = true
    }
}
