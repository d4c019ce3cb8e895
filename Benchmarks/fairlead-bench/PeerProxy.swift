import Glibc

/// A kube-proxy of a release, started as in a cluster, but for host settings that it leaves alone.
struct PeerProxy {
    let program: String
    let mode: DaemonMode

    /// Writes what it reads; its command line.
    func prepare(_ cluster: BenchCluster) throws -> [String] {
        if mode == .iptables { try preferLegacyTools(cluster.directory) }
        let version = try PeerVersion(program: program)
        try cluster.write("kube-proxy.yaml", configuration(cluster.directory, version))
        return [program, "--config", "\(cluster.directory)/kube-proxy.yaml"]
    }

    /// It calls `iptables`, which may be that of nftables.
    private func preferLegacyTools(_ directory: String) throws {
        let tools = "\(directory)/legacy"
        guard mkdir(tools, 0o755) == 0 || errno == EEXIST else { throw BenchFailure.system(tools) }
        for tool in ["iptables", "ip6tables"].flatMap({ [$0, "\($0)-save", "\($0)-restore"] }) {
            let link = "\(tools)/\(tool)"
            guard symlink("/usr/sbin/xtables-legacy-multi", link) == 0 || errno == EEXIST else {
                throw BenchFailure.system(link)
            }
        }
        let path = getenv("PATH").map { String(cString: $0) } ?? "/usr/sbin:/usr/bin:/sbin:/bin"
        guard !path.hasPrefix("\(tools):") else { return }
        setenv("PATH", "\(tools):\(path)", 1)
    }

    /// `conntrack` as it is: its limits are the host's.
    private func configuration(_ directory: String, _ version: PeerVersion) -> String {
        let gates = mode == .nftables && version.needsGate ? "{NFTablesProxyMode: true}" : "{}"
        return """
            apiVersion: kubeproxy.config.k8s.io/v1alpha1
            kind: KubeProxyConfiguration
            mode: \(mode.rawValue)
            hostnameOverride: node
            clusterCIDR: \(Workload.pods)
            bindAddress: 0.0.0.0
            healthzBindAddress: 127.0.0.1:10256
            metricsBindAddress: 127.0.0.1:10249
            clientConnection:
              kubeconfig: \(directory)/kubeconfig
              contentType: application/vnd.kubernetes.protobuf
            conntrack: {maxPerCore: 0, min: 0, tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 0s}
            featureGates: \(gates)

            """
    }
}

/// `Kubernetes v1.36.3`
struct PeerVersion {
    let text: String
    private let minor: Int

    /// Asks the program.
    init(program: String) throws {
        let answer = try ChildProcess.ask([program, "--version"])
        let parts = answer.split(separator: ".")
        guard answer.hasPrefix("Kubernetes v1."), parts.count > 2, let minor = Int(parts[1]) else {
            throw BenchFailure(
                "\(program) is no kube-proxy: it calls itself \(answer.debugDescription)"
            )
        }
        self.minor = minor
        text = "kube-proxy " + answer.dropFirst("Kubernetes ".count).filter { !$0.isNewline }
    }

    /// nftables mode is off by default before 1.31.
    var needsGate: Bool { minor < 31 }
}
