import Addressing
import DataplaneModel
import Testing

@testable import DaemonConfiguration

@Suite("kube-proxy's flags")
struct KubeProxyFlagTests {
    /// As the command line carries them.
    private func flags(_ arguments: String...) throws -> [KubeProxyFlag] {
        try KubeProxyFlag.rewriting(["run"] + arguments).dropFirst()
            .filter { $0 != KubeProxyFlag.option }
            .map { try #require(KubeProxyFlag(parsing: $0), "\($0)") }
    }

    @Test("They are found in every way to write them, and nothing else is touched")
    func rewriting() {
        let option = KubeProxyFlag.option
        #expect(
            KubeProxyFlag.rewriting([
                "run", "-c", "x", "--proxy-mode", "ipvs", "--masquerade-all", "--cluster-cidr=a=b",
                "-v2", "-v", "3", "--v=4", "--services", "d", "--", "--master",
            ]) == [
                "run", "-c", "x", option, "proxy-mode=ipvs", option, "masquerade-all=true", option,
                "cluster-cidr=a=b", option, "v=2", option, "v=3", option, "v=4", "--services", "d",
                "--", "--master",
            ]
        )
        #expect(KubeProxyFlag.rewriting(["trace", "-v"]) == ["trace", "-v"])
        #expect(KubeProxyFlag.rewriting(["run", "--master"]) == ["run", "--master"])
    }

    @Test("By themselves they say what the file with the same fields says")
    func alone() throws {
        let loaded = try LoadedConfiguration(
            flags: try flags(
                "--kubeconfig=/k",
                "--proxy-mode=nftables",
                "--cluster-cidr=10.244.0.0/16",
                "--nodeport-addresses=primary,10.0.0.0/8,localhost,fd00::/8",
                "--masquerade-all",
                "--healthz-bind-address=0.0.0.0",
                "--hostname-override=Node",
                "-v=4",
                "--iptables-min-sync-period=2s",
                "--feature-gates=AllowServiceExternalIPs=false",
                "--conntrack-min=0",
                "--oom-score-adj=-5",
                "--ipvs-exclude-cidrs="
            )
        )
        let file = try LoadedConfiguration(
            text: """
                apiVersion: kubeproxy.config.k8s.io/v1alpha1
                kind: KubeProxyConfiguration
                clientConnection: {kubeconfig: /k}
                mode: nftables
                clusterCIDR: 10.244.0.0/16
                nodePortAddresses: [primary, localhost, 10.0.0.0/8, "fd00::/8"]
                nftables: {masqueradeAll: true, minSyncPeriod: 2s}
                hostnameOverride: node
                logging: {verbosity: 4}
                featureGates: {AllowServiceExternalIPs: false}
                conntrack: {min: 0}
                oomScoreAdj: -5
                """,
            file: "kp.yaml"
        )
        #expect(loaded == file)
    }

    @Test("Beside a file only some count, and one warning names the others")
    func besideFile() throws {
        var loaded = try LoadedConfiguration(text: "mode: ipvs\nnode: {name: x}", file: "f")
        let given = try flags(
            "--hostname-override=Node-B",
            "-v",
            "5",
            "--logging-format=json",
            "--proxy-mode=iptables",
            "--masquerade-all",
            "--master=192.0.2.1:6443"
        )
        #expect(LoadedConfiguration.isConfiguration(given))
        try loaded.overlay(given)
        #expect(loaded.configuration.mode == .ipvs && !loaded.configuration.masquerade.all)
        #expect(loaded.configuration.node.name == "node-b")
        #expect(loaded.configuration.log.level == .debug)
        #expect(loaded.configuration.log.format == .json)
        #expect(loaded.configuration.sources.kubernetes?.servers == ["192.0.2.1:6443"])
        #expect(loaded.warnings.count == 1)
        #expect(loaded.warnings[0].hasSuffix(": --proxy-mode, --masquerade-all"))
        // What counts beside a file does not make up a configuration.
        #expect(!LoadedConfiguration.isConfiguration(try flags("--hostname-override=x", "-v1")))
    }

    @Test("Ports of old switch servers off or move them")
    func ports() throws {
        let off = try LoadedConfiguration(flags: try flags("--healthz-port=0", "--metrics-port=99"))
        #expect(off.configuration.health.address == nil)
        #expect(off.configuration.metrics.address?.description == "127.0.0.1:99")
        let empty = try LoadedConfiguration(flags: try flags("--metrics-bind-address="))
        #expect(empty.configuration.metrics.address == nil)
        #expect(empty.configuration.health.address != nil)
    }

    @Test("What can't be honoured is accepted with a warning")
    func accepted() throws {
        let loaded = try LoadedConfiguration(
            flags: try flags("--boot-id-file=/x", "--kube-api-qps=50", "--profiling")
        )
        let text = loaded.warnings.joined(separator: "\n")
        for name in ["--boot-id-file", "clientConnection.qps", "enableProfiling"] {
            #expect(text.contains(name))
        }
    }

    @Test(
        "A mistake names the flag",
        arguments: [
            ("--proxy-mode=ebpf", "--proxy-mode: "), ("--cluster-cidr=x", "--cluster-cidr: "),
            ("--nodeport-addresses=eth0", "--nodeport-addresses: "),
            ("--masquerade-all=perhaps", "--masquerade-all: "),
            ("--feature-gates=X", "--feature-gates: "), ("--metrics-port=x", "--metrics-port: "),
            ("--master=http://u:p@host", "--master: "), ("--cleanup", "--cleanup: "),
            ("--init-only", "--init-only: "), ("--write-config-to=x", "--write-config-to: "),
            ("-v=-1", "--v: "),
        ]
    )
    func mistakes(_ argument: String, _ message: String) throws {
        do {
            let given =
                argument == "-v=-1" ? [KubeProxyFlag(name: "v", value: "-1")] : try flags(argument)
            _ = try LoadedConfiguration(flags: given)
            Issue.record("accepted")
        } catch {
            #expect("\(error)".hasPrefix(message), "\(error)")
        }
    }
}
