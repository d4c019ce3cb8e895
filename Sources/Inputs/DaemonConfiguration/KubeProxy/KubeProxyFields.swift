import AnnotatedYAML
import PrintableText

/// The fields of `KubeProxyConfiguration` v1alpha1, as of Kubernetes 1.36 and those added since
/// (`k8s.io/kube-proxy/config/v1alpha1`).
enum KubeProxyFields {
    /// How a field is treated.
    enum Treatment: Equatable {
        case honoured
        /// Accepted without effect, with a warning unless the value is one of `harmless`:
        /// kube-proxy's default and its other spellings.
        case unhonoured(reason: String, harmless: [String])
    }

    /// Fields with the same path and meaning in Fairlead's configuration (`ConfigurationField.root`).
    static let shared: Set = [
        "ipvs.excludeCIDRs", "ipvs.strictARP", "ipvs.tcpTimeout", "ipvs.tcpFinTimeout",
        "ipvs.udpTimeout", "oomScoreAdj", "conntrack.maxPerCore", "conntrack.min",
        "conntrack.tcpEstablishedTimeout", "conntrack.tcpCloseWaitTimeout",
        "conntrack.tcpBeLiberal", "conntrack.udpTimeout", "conntrack.udpStreamTimeout",
    ]

    /// By path; a path includes everything below it.
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
            ignored(
                "clientConnection.acceptContentTypes",
                "contentType decides, and JSON is always understood",
                [""]
            ),
            ignored("clientConnection.qps", "there is one watch for each resource", ["0", "5"]),
            ignored("clientConnection.burst", "there is one watch for each resource", ["0", "10"]),
            ignored(
                "logging.flushFrequency",
                "lines are written at once",
                ["0", "0s", "5s", "5000000000"]
            ),
            ignored("logging.vmodule", "levels are not set by source file", [""]),
            ignored(
                "logging.options",
                "lines are written at once, to one stream",
                ["", "0", "false"]
            ),
            ignored(
                "iptables.snatNodeInternalIP",
                "the source becomes the address of the outgoing interface",
                ["false"]
            ),
            ignored("enableProfiling", "there is no built-in profiler; use perf", ["false"]),
            ignored("showHiddenMetricsForVersion", "no metric is hidden", [""]),
            ignored(
                "configSyncPeriod",
                "every change is passed on at once and only once",
                ["0", "0s", "15m", "15m0s"]
            ),
        ]
        + ["winkernel", "windowsRunAsService", "portRange"].map {
            ignored($0, "kube-proxy does not honour it on Linux either", ["", "false", "0"])
        }

    private static func ignored(
        _ path: String,
        _ reason: String,
        _ harmless: [String]
    ) -> (path: String, treatment: Treatment) {
        (path, .unhonoured(reason: reason, harmless: harmless))
    }

    /// Fields unknown to kube-proxy, which warns about them and continues.
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
                    reason: "unknown field, ignored"
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
