/// A use of one of kube-proxy's flags, such as `--proxy-mode=nftables`.
package struct KubeProxyFlag: Sendable, Equatable {
    /// Without dashes.
    package var name: String
    package var value: String

    /// The effect of a flag.
    enum Meaning: Sendable {
        /// Sets these fields of `KubeProxyConfiguration`.
        case fields([String], Kind)
        /// Replaces the kubeconfig's API servers.
        case master
        /// Sets the port of the server whose address is at this path; 0 disables the server.
        case port(String)
        /// Accepted without effect.
        case unhonoured(reason: String)
        /// Refused: another command of Fairlead does this.
        case otherCommand(String)
    }

    /// How a flag's value is written.
    enum Kind: Sendable {
        case value
        case boolean
        /// Separated by commas.
        case list
        /// `name=true`, separated by commas.
        case gates
    }

    /// One of kube-proxy's flags.
    struct Specification: Sendable {
        var name: String
        var meaning: Meaning
        /// It is used even with a configuration file.
        var goesWithFile = false

        var isBoolean: Bool {
            switch meaning {
            case .fields(_, .boolean), .otherCommand: true
            default: false
            }
        }
    }

    static func specification(_ name: String) -> Specification? {
        table.first { $0.name == name }
    }

    /// All names, as they are shown in `--help`.
    package static var names: [String] {
        table.compactMap { flag in
            switch flag.meaning {
            case .fields, .master: flag.name
            case .port, .unhonoured, .otherCommand: nil
            }
        }
    }

    static let table: [Specification] =
        [
            field("kubeconfig", "clientConnection.kubeconfig"),
            Specification(name: "master", meaning: .master, goesWithFile: true),
            field("kube-api-content-type", "clientConnection.contentType"),
            field("kube-api-qps", "clientConnection.qps"),
            field("kube-api-burst", "clientConnection.burst"),
            field("hostname-override", "hostnameOverride", goesWithFile: true),
            field("proxy-mode", "mode"), field("cluster-cidr", "clusterCIDR"),
            field("detect-local-mode", "detectLocalMode"),
            field("pod-bridge-interface", "detectLocal.bridgeInterface"),
            field("pod-interface-name-prefix", "detectLocal.interfaceNamePrefix"),
            field("nodeport-addresses", "nodePortAddresses", kind: .list),
            field("bind-address", "bindAddress"),
            field("bind-address-hard-fail", "bindAddressHardFail", kind: .boolean),
            field("healthz-bind-address", "healthzBindAddress"),
            field("metrics-bind-address", "metricsBindAddress"),
            Specification(name: "healthz-port", meaning: .port("healthzBindAddress")),
            Specification(name: "metrics-port", meaning: .port("metricsBindAddress")),
            field(
                "masquerade-all",
                "iptables.masqueradeAll",
                "nftables.masqueradeAll",
                kind: .boolean
            ),
            field("iptables-masquerade-bit", "iptables.masqueradeBit"),
            field("iptables-localhost-nodeports", "iptables.localhostNodePorts", kind: .boolean),
            // For nftables, too, for which kube-proxy has no flags of its own.
            field("iptables-sync-period", "iptables.syncPeriod", "nftables.syncPeriod"),
            field("iptables-min-sync-period", "iptables.minSyncPeriod", "nftables.minSyncPeriod"),
            field("ipvs-sync-period", "ipvs.syncPeriod"),
            field("ipvs-min-sync-period", "ipvs.minSyncPeriod"),
            field("ipvs-scheduler", "ipvs.scheduler"),
            field("ipvs-exclude-cidrs", "ipvs.excludeCIDRs", kind: .list),
            field("ipvs-strict-arp", "ipvs.strictARP", kind: .boolean),
            field("ipvs-tcp-timeout", "ipvs.tcpTimeout"),
            field("ipvs-tcpfin-timeout", "ipvs.tcpFinTimeout"),
            field("ipvs-udp-timeout", "ipvs.udpTimeout"),
            field("conntrack-max-per-core", "conntrack.maxPerCore"),
            field("conntrack-min", "conntrack.min"),
            field("conntrack-tcp-timeout-established", "conntrack.tcpEstablishedTimeout"),
            field("conntrack-tcp-timeout-close-wait", "conntrack.tcpCloseWaitTimeout"),
            field("conntrack-tcp-be-liberal", "conntrack.tcpBeLiberal", kind: .boolean),
            field("conntrack-udp-timeout", "conntrack.udpTimeout"),
            field("conntrack-udp-timeout-stream", "conntrack.udpStreamTimeout"),
            field("oom-score-adj", "oomScoreAdj"),
            field("feature-gates", "featureGates", kind: .gates),
            field("profiling", "enableProfiling", kind: .boolean),
            field("show-hidden-metrics-for-version", "showHiddenMetricsForVersion"),
            field("config-sync-period", "configSyncPeriod"),
            field("proxy-port-range", "portRange"),
            field("v", "logging.verbosity", goesWithFile: true),
            field("vmodule", "logging.vmodule", goesWithFile: true),
            field("logging-format", "logging.format", goesWithFile: true),
            field("log-flush-frequency", "logging.flushFrequency", goesWithFile: true),
        ]
        + ["boot-id-file", "machine-id-file"].map {
            Specification(name: $0, meaning: .unhonoured(reason: "the file is not read"))
        }
        + [
            "log-json-info-buffer-size", "log-json-split-stream", "log-text-info-buffer-size",
            "log-text-split-stream",
        ].map {
            Specification(
                name: $0,
                meaning: .unhonoured(reason: "lines are written at once, to one stream")
            )
        }
        + [
            Specification(
                name: "cleanup",
                meaning: .otherCommand("fairlead cleanup, or fairlead cleanup --kube-proxy")
            ),
            Specification(
                name: "write-config-to",
                meaning: .otherCommand("fairlead config convert")
            ),
            Specification(
                name: "init-only",
                meaning: .otherCommand(
                    "not needed: the daemon sets up what it needs, so the init container can be removed"
                )
            ),
        ]

    private static func field(
        _ name: String,
        _ paths: String...,
        kind: Kind = .value,
        goesWithFile: Bool = false
    ) -> Specification {
        Specification(name: name, meaning: .fields(paths, kind), goesWithFile: goesWithFile)
    }
}
