import AnnotatedYAML
import PrintableText

/// The fields of `KubeProxyConfiguration` v1alpha1, as of Kubernetes 1.36 and those added since
/// (`k8s.io/kube-proxy/config/v1alpha1`).
enum KubeProxyFields {
    /// What is done with a field.
    enum Treatment: Equatable {
        case honoured
        /// Accepted for nothing, which is said unless the value is one of `harmless`: kube-proxy's
        /// default and what stands for it.
        case unhonoured(reason: String, harmless: [String])
    }

    private static let windows = Treatment.unhonoured(
        reason: "kube-proxy does not honour it on Linux either",
        harmless: ["", "false", "0"]
    )

    /// Fields that the table of fields (`ConfigurationField.root`) has too, at the same paths and with
    /// the same meaning.
    static let shared: Set = [
        "ipvs.excludeCIDRs", "ipvs.strictARP", "ipvs.tcpTimeout", "ipvs.tcpFinTimeout",
        "ipvs.udpTimeout", "oomScoreAdj", "conntrack.maxPerCore", "conntrack.min",
        "conntrack.tcpEstablishedTimeout", "conntrack.tcpCloseWaitTimeout",
        "conntrack.tcpBeLiberal", "conntrack.udpTimeout", "conntrack.udpStreamTimeout",
    ]

    /// By path. What is below a listed path belongs to it.
    static let all: [(path: String, treatment: Treatment)] =
        [
            "apiVersion", "kind", "featureGates", "clientConnection.kubeconfig",
            "clientConnection.contentType", "logging.format", "logging.verbosity",
            "hostnameOverride", "bindAddress", "healthzBindAddress", "metricsBindAddress",
            "bindAddressHardFail", "mode", "iptables.masqueradeBit", "iptables.masqueradeAll",
            "iptables.localhostNodePorts", "iptables.syncPeriod", "iptables.minSyncPeriod",
            "ipvs.syncPeriod", "ipvs.minSyncPeriod", "ipvs.scheduler",
            "nftables.masqueradeBit", "nftables.masqueradeAll", "nftables.syncPeriod",
            "nftables.minSyncPeriod", "detectLocalMode", "detectLocal.bridgeInterface",
            "detectLocal.interfaceNamePrefix", "clusterCIDR", "nodePortAddresses",
        ].map { ($0, .honoured) } + shared.map { ($0, .honoured) }
        + [
            (
                "clientConnection.acceptContentTypes",
                .unhonoured(
                    reason: "contentType decides, and JSON is always understood",
                    harmless: [""]
                )
            ),
            (
                "clientConnection.qps",
                .unhonoured(reason: "there is one watch a resource to limit", harmless: ["0", "5"])
            ),
            (
                "clientConnection.burst",
                .unhonoured(
                    reason: "there is one watch a resource to limit",
                    harmless: ["0", "10"]
                )
            ),
            (
                "logging.flushFrequency",
                .unhonoured(
                    reason: "lines are written at once",
                    harmless: ["0", "0s", "5s", "5000000000"]
                )
            ),
            (
                "logging.vmodule",
                .unhonoured(reason: "levels are not set by source file", harmless: [""])
            ),
            (
                "logging.options",
                .unhonoured(
                    reason: "lines are written at once, to one stream",
                    harmless: ["", "0", "false"]
                )
            ),
            (
                "iptables.snatNodeInternalIP",
                .unhonoured(
                    reason: "the source becomes the address of the interface taken",
                    harmless: ["false"]
                )
            ),
            (
                "enableProfiling",
                .unhonoured(reason: "there is no profiler in it; use perf", harmless: ["false"])
            ),
            (
                "showHiddenMetricsForVersion",
                .unhonoured(reason: "no metric is hidden", harmless: [""])
            ),
            (
                "configSyncPeriod",
                .unhonoured(
                    reason: "what was received is not handed on again",
                    harmless: ["0", "0s", "15m", "15m0s"]
                )
            ), ("winkernel", windows), ("windowsRunAsService", windows), ("portRange", windows),
        ]

    /// Fields that kube-proxy would not know. It warns, and goes on without them.
    static func unknown(in value: YAMLValue, path: String = "") -> [FieldError] {
        guard case .mapping(let entries) = value.content else { return [] }
        return entries.flatMap { entry -> [FieldError] in
            let path = path.isEmpty ? entry.key : "\(path).\(entry.key)"
            if all.contains(where: { $0.path == path }) { return [] }
            if all.contains(where: { $0.path.hasPrefix("\(path).") }) {
                return unknown(in: entry.value, path: path)
            }
            return [
                FieldError(
                    line: entry.keyLine,
                    path: printable(path),
                    reason: "unknown field, which does not count"
                )
            ]
        }
    }

    /// Fields that are set and not honoured, with the reason.
    static func unhonoured(in value: YAMLValue) -> [(path: String, reason: String)] {
        all.compactMap { path, treatment in
            guard case .unhonoured(let reason, let harmless) = treatment,
                let found = value.value(at: path.split(separator: ".")),
                !found.isOnly(harmless)
            else { return nil }
            return (path, reason)
        }
    }
}

extension YAMLValue {
    fileprivate func value(at path: [Substring]) -> YAMLValue? {
        guard let name = path.first else { return self }
        guard case .mapping(let entries) = content else { return nil }
        return entries.first { $0.key == name }?.value.value(at: Array(path.dropFirst()))
    }

    /// All scalars in it are among `words`.
    fileprivate func isOnly(_ words: [String]) -> Bool {
        switch content {
        case .null: true
        case .scalar: canonicalText.map(words.contains) ?? false
        case .sequence(let elements): elements.allSatisfy { $0.isOnly(words) }
        case .mapping(let entries): entries.allSatisfy { $0.value.isOnly(words) }
        }
    }
}
