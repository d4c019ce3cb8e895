package import Addressing
package import DataplaneModel

/// The settings, with their defaults. `config/fairlead.yaml` shows each field, and
/// `ConfigurationField.root` defines its notation and how it is reloaded.
package struct DaemonConfiguration: Sendable, Equatable {
    /// Nil for `auto`: nftables if the kernel has what it needs, otherwise iptables.
    package var mode: ProxyMode? = .iptables
    /// The families to serve; nil for those that the kernel has tables for.
    package var families: [IPFamily]?
    package var node = Node()
    package var sources = Sources()
    /// The network namespace to work in: a name under /run/netns, or an absolute path; nil for the
    /// daemon's own.
    package var networkNamespace: String?
    package var detectLocal = DetectLocal()
    package var nodePorts = NodePorts()
    package var masquerade = Masquerade()
    /// The ranges of ClusterIPs; packets to unallocated addresses in them are dropped.
    package var serviceCIDRs: [IPPrefix] = []
    /// External IPs outside these ranges are refused; nil allows all.
    package var allowedExternalIPs: [IPPrefix]?
    package var reconcile = Reconcile()
    package var iptables = IPTables()
    package var ipvs = IPVS()
    package var nftables = NFTables()
    package var socketLB = SocketLB()
    package var conntrack = Conntrack()
    package var health = Server(defaultPort: 10256)
    package var metrics = Server(defaultPort: 10249)
    package var status = Status()
    /// -1000...1000; nil keeps the present value.
    package var oomScoreAdjustment: Int?
    package var healthChecks = HealthChecks()
    package var removals = Removals()
    package var log = Log()

    package init() {}

    /// The mode; nftables while `auto` is not resolved.
    package var chosenMode: ProxyMode { mode ?? .nftables }

    /// As in the file: `auto`, `ipvs`.
    package var modeName: String { Mode(mode: mode).rawValue }

    /// A mode as in the file.
    package struct Mode: RawRepresentable, Sendable, Hashable, CaseIterable {
        /// Nil for `auto`.
        package let mode: ProxyMode?

        package static let auto = Mode(mode: nil)
        package static let allCases = [auto] + ProxyMode.allCases.map(Mode.init(mode:))

        package init(mode: ProxyMode?) { self.mode = mode }

        package init?(rawValue: String) {
            guard let found = Self.allCases.first(where: { $0.rawValue == rawValue }) else {
                return nil
            }
            self = found
        }

        package var rawValue: String { mode?.rawValue ?? "auto" }
    }
}

extension ConfigurationField {
    /// The whole file.
    package static let root = ConfigurationField(
        section: "",
        fields: [
            .restart("mode", \.mode, .mode).about(
                """
                Proxy mode: iptables, ipvs, nftables, or auto, which is nftables if the kernel has what it
                needs, else iptables. After a change, each family's old mode is retired once the new one is
                programmed.
                """
            ),
            .restart("families", \.families, .families)
                .about(
                    "auto, or a list: [IPv4, IPv6]. auto serves the families that the kernel has tables for."
                ),
            DaemonConfiguration.Node.section,
            DaemonConfiguration.Sources.section,
            .restart("netns", \.networkNamespace, .namespace).about(
                """
                The network namespace to work in: a name under /run/netns, or an absolute path. Empty: the
                daemon's own.
                """
            ),
            DaemonConfiguration.DetectLocal.section,
            DaemonConfiguration.NodePorts.section,
            DaemonConfiguration.Masquerade.section,
            .live("serviceCIDRs", \.serviceCIDRs, .ranges)
                .about(
                    "The ranges of ClusterIPs. Packets to an address in them without a Service are dropped."
                ),
            ConfigurationField(
                section: "externalIPs",
                fields: [
                    .live("allowed", \.allowedExternalIPs, .allowedRanges)
                        .about(
                            "The external IPs that Services may claim: all, none or a list of ranges (CVE-2020-8554)."
                        )
                ]
            ),
            DaemonConfiguration.Reconcile.section,
            DaemonConfiguration.IPTables.section,
            DaemonConfiguration.IPVS.section,
            DaemonConfiguration.NFTables.section,
            DaemonConfiguration.SocketLB.section,
            DaemonConfiguration.Conntrack.section,
            DaemonConfiguration.Server.health,
            DaemonConfiguration.Server.metrics,
            DaemonConfiguration.Status.section,
            .live("oomScoreAdj", \.oomScoreAdjustment, .optionalInteger(-1000...1000)).about(
                """
                How readily the kernel kills the daemon when memory runs out, -1000 (never) to 1000. Lowering it
                requires CAP_SYS_RESOURCE; systemd's OOMScoreAdjust= does not. null keeps the present value.
                """
            ),
            DaemonConfiguration.HealthChecks.section,
            DaemonConfiguration.Removals.section,
            DaemonConfiguration.Log.section,
        ]
    )
}

extension DaemonConfiguration {
    /// The first field that does not fit the others, and why; nil if all do.
    var conflict: (path: [String], reason: String)? {
        if sources.filePath.isEmpty, sources.kubernetes == nil {
            return (["sources", "files"], "must not be empty without sources.kubernetes")
        }
        if let source = sources.kubernetes, source.context != nil, source.kubeconfig == nil {
            return (["sources", "kubernetes", "context"], "needs a kubeconfig")
        }
        if takesPodRangesFromNode, sources.kubernetes == nil {
            let reason = "is needed in mode NodeCIDR without sources.kubernetes"
            return (["detectLocal", "nodeCIDRs"], reason)
        }
        if detectLocal.mode == .bridgeInterface, detectLocal.bridgeInterface == nil {
            return (["detectLocal", "bridgeInterface"], "is needed in mode BridgeInterface")
        }
        if detectLocal.mode == .interfaceNamePrefix, detectLocal.interfaceNamePrefix == nil {
            return (
                ["detectLocal", "interfaceNamePrefix"], "is needed in mode InterfaceNamePrefix"
            )
        }
        if reconcile.retryInterval > reconcile.maxRetryInterval {
            return (["reconcile", "retryInterval"], "is longer than maxRetryInterval")
        }
        if ipvs.binding == .ranges, serviceCIDRs.isEmpty {
            return (["ipvs", "binding"], "ranges needs serviceCIDRs")
        }
        return nil
    }
}
