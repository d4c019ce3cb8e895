/// How far Kubernetes' feature gates have come, in the words of `kubernetes_feature_enabled`.
enum FeatureGateStages {
    /// Empty for one that is generally available, as in Kubernetes; `UNKNOWN` for one whose stage
    /// is not known here.
    static func stage(of name: String) -> String { stages[name] ?? "UNKNOWN" }

    /// As of Kubernetes 1.36, of those that concern a proxy and of the collective ones.
    private static let stages: [String: String] = [
        "AllAlpha": "ALPHA",
        "AllBeta": "BETA",
        "LoggingAlphaOptions": "ALPHA",
        "LoggingBetaOptions": "BETA",
        "KubeProxyDrainingTerminatingNodes": "",
        "LoadBalancerIPMode": "",
        "MultiCIDRServiceAllocator": "",
        "NFTablesProxyMode": "",
        "PreferSameTrafficDistribution": "",
        "ServiceTrafficDistribution": "",
        "TopologyAwareHints": "",
    ]
}
