/// A use of one of kube-proxy's flags, such as `--proxy-mode=nftables`.
package struct KubeProxyFlag: Sendable, Equatable {
    /// Without dashes.
    package var name: String
    package var value: String

    package init(name: String, value: String) {
        self.name = name
        self.value = value
    }

    /// Reads `name=value`; nil if it is none or kube-proxy has no such flag.
    package init?(parsing text: String) {
        guard let equals = text.firstIndex(of: "=") else { return nil }
        let name = String(text[..<equals])
        guard Self.specification(name) != nil else { return nil }
        self.init(name: name, value: String(text[text.index(after: equals)...]))
    }

    /// What a flag does.
    enum Meaning: Sendable {
        /// Sets these fields of `KubeProxyConfiguration`.
        case fields([String], Kind)
        /// Names API servers in place of the kubeconfig's.
        case master
        /// Moves a server of ours, whose address is at this path, to another port; 0 ends it.
        case port(String)
        /// Accepted for nothing.
        case unhonoured(reason: String)
        /// Asks for something that is another command here.
        case otherCommand(String)
    }

    /// How a flag's value is written.
    enum Kind: Sendable {
        case value
        case boolean
        /// With commas between.
        case list
        /// `name=true`, with commas between.
        case gates
    }

    /// A flag of kube-proxy's.
    struct Specification: Sendable {
        var name: String
        var meaning: Meaning
        /// It counts even beside a configuration file.
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
            field("nodeport-addresses", "nodePortAddresses", .list),
            field("bind-address", "bindAddress"),
            field("bind-address-hard-fail", "bindAddressHardFail", .boolean),
            field("healthz-bind-address", "healthzBindAddress"),
            field("metrics-bind-address", "metricsBindAddress"),
            Specification(name: "healthz-port", meaning: .port("healthzBindAddress")),
            Specification(name: "metrics-port", meaning: .port("metricsBindAddress")),
            Specification(
                name: "masquerade-all",
                meaning: .fields(["iptables.masqueradeAll", "nftables.masqueradeAll"], .boolean)
            ), field("iptables-masquerade-bit", "iptables.masqueradeBit"),
            field("iptables-localhost-nodeports", "iptables.localhostNodePorts", .boolean),
            // kube-proxy has no such flags for nftables, and takes these.
            Specification(
                name: "iptables-sync-period",
                meaning: .fields(["iptables.syncPeriod", "nftables.syncPeriod"], .value)
            ),
            Specification(
                name: "iptables-min-sync-period",
                meaning: .fields(["iptables.minSyncPeriod", "nftables.minSyncPeriod"], .value)
            ), field("ipvs-sync-period", "ipvs.syncPeriod"),
            field("ipvs-min-sync-period", "ipvs.minSyncPeriod"),
            field("ipvs-scheduler", "ipvs.scheduler"),
            field("ipvs-exclude-cidrs", "ipvs.excludeCIDRs", .list),
            field("ipvs-strict-arp", "ipvs.strictARP", .boolean),
            field("ipvs-tcp-timeout", "ipvs.tcpTimeout"),
            field("ipvs-tcpfin-timeout", "ipvs.tcpFinTimeout"),
            field("ipvs-udp-timeout", "ipvs.udpTimeout"),
            field("conntrack-max-per-core", "conntrack.maxPerCore"),
            field("conntrack-min", "conntrack.min"),
            field("conntrack-tcp-timeout-established", "conntrack.tcpEstablishedTimeout"),
            field("conntrack-tcp-timeout-close-wait", "conntrack.tcpCloseWaitTimeout"),
            field("conntrack-tcp-be-liberal", "conntrack.tcpBeLiberal", .boolean),
            field("conntrack-udp-timeout", "conntrack.udpTimeout"),
            field("conntrack-udp-timeout-stream", "conntrack.udpStreamTimeout"),
            field("oom-score-adj", "oomScoreAdj"),
            field("feature-gates", "featureGates", .gates),
            field("profiling", "enableProfiling", .boolean),
            field("show-hidden-metrics-for-version", "showHiddenMetricsForVersion"),
            field("config-sync-period", "configSyncPeriod"),
            field("proxy-port-range", "portRange"),
            field("v", "logging.verbosity", goesWithFile: true),
            field("vmodule", "logging.vmodule", goesWithFile: true),
            field("logging-format", "logging.format", goesWithFile: true),
            field("log-flush-frequency", "logging.flushFrequency", goesWithFile: true),
        ]
        + ["boot-id-file", "machine-id-file"].map {
            Specification(name: $0, meaning: .unhonoured(reason: "no such file is read"))
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
                    "nothing: the daemon sets up what it needs, so that the init container can go"
                )
            ),
        ]

    private static func field(
        _ name: String,
        _ path: String,
        _ kind: Kind = .value,
        goesWithFile: Bool = false
    ) -> Specification {
        Specification(name: name, meaning: .fields([path], kind), goesWithFile: goesWithFile)
    }
}
