import DaemonConfiguration
import Foundation
import Testing

@Suite("Configuration fields")
struct ConfigurationFieldTests {
    private static let fields = ConfigurationField.root.paths().filter { !$0.field.isSection }

    /// What is not the default, for each field.
    private static let others = [
        "mode": "nftables", "families": "[IPv6]", "node.name": "other", "node.zone": "z",
        "node.addresses": "[192.0.2.1]", "sources.files": "/srv", "sources.stateDirectory": "\"\"",
        "sources.serviceProxyName": "mine", "sources.kubernetes.kubeconfig": "/other",
        "sources.kubernetes.context": "c", "sources.kubernetes.servers": "[\"https://192.0.2.1\"]",
        "sources.kubernetes.contentType": "json", "sources.kubernetes.snapshotCache": "false",
        "sources.kubernetes.staleAfter": "1m", "netns": "blue", "detectLocal.mode": "None",
        "detectLocal.clusterCIDRs": "[10.0.0.0/8]", "detectLocal.nodeCIDRs": "[10.0.0.0/8]",
        "detectLocal.bridgeInterface": "cni0", "detectLocal.interfaceNamePrefix": "veth",
        "nodePorts.addresses": "primary", "nodePorts.localhost": "true", "masquerade.all": "true",
        "masquerade.markBit": "3", "serviceCIDRs": "[10.96.0.0/12]", "externalIPs.allowed": "none",
        "reconcile.minInterval": "2s", "reconcile.retryInterval": "3s",
        "reconcile.maxRetryInterval": "40s", "reconcile.fullResyncInterval": "5m",
        "reconcile.driftCheckInterval": "6s", "iptables.lockFile": "/tmp/lock",
        "iptables.lockTimeout": "7s", "ipvs.scheduler": "lc", "ipvs.binding": "ranges",
        "ipvs.excludeCIDRs": "[192.0.2.0/24]", "ipvs.strictARP": "true", "ipvs.drainTimeout": "1m",
        "ipvs.tcpTimeout": "1h", "ipvs.tcpFinTimeout": "2s", "ipvs.udpTimeout": "3s",
        "nftables.scheduler": "mh", "nftables.counters": "true", "socketLB.scope": "all",
        "socketLB.protocols": "[TCP, UDP]", "socketLB.cgroup": "/c",
        "socketLB.excludeCgroups": "[/c/kubepods.slice/*mesh*, /c/d]",
        "socketLB.bpfDirectory": "/sys/fs/bpf/other", "conntrack.maxPerCore": "1",
        "conntrack.min": "2", "conntrack.tcpEstablishedTimeout": "3s",
        "conntrack.tcpCloseWaitTimeout": "4s", "conntrack.tcpBeLiberal": "true",
        "conntrack.udpTimeout": "5s", "conntrack.udpStreamTimeout": "6s",
        "conntrack.cleanStaleUDP": "false", "health.address": "\"[::]:1\"",
        "health.bindFailure": "fatal", "metrics.address": "\"\"", "metrics.bindFailure": "fatal",
        "status.socket": "\"\"", "oomScoreAdj": "-7", "healthChecks.maxConcurrent": "8",
        "healthChecks.caFile": "/etc/ca.pem", "removals.percent": "70", "removals.minimum": "3",
        "removals.window": "1s", "removals.holdTime": "2m", "removals.holdDeletions": "true",
        "log.level": "debug", "log.format": "json",
    ]

    private func decode(_ text: String) throws -> DaemonConfiguration {
        try DaemonConfiguration(text: text, file: "fairlead.yaml")
    }

    /// Fields that others need, and then the field. Of a flow mapping's keys none is given twice.
    private func configuration(_ path: String? = nil) throws -> DaemonConfiguration {
        var values = ["sources.kubernetes.kubeconfig": "/k"]
        if path == "ipvs.binding" { values["serviceCIDRs"] = Self.others["serviceCIDRs"] }
        // Without a sample the field keeps its default, which fails.
        if let path { values[path] = Self.others[path] }
        var tree: [String: Any] = [:]
        func put(_ path: ArraySlice<Substring>, _ value: String, _ tree: inout [String: Any]) {
            guard let first = path.first else { return }
            guard path.count > 1 else {
                tree[String(first)] = value
                return
            }
            var nested = tree[String(first)] as? [String: Any] ?? [:]
            put(path.dropFirst(), value, &nested)
            tree[String(first)] = nested
        }
        for (path, value) in values { put(path.split(separator: ".")[...], value, &tree) }
        func text(_ value: Any) -> String {
            guard let tree = value as? [String: Any] else { return "\(value)" }
            return "{\(tree.map { "\($0.key): \(text($0.value))" }.joined(separator: ", "))}"
        }
        return try decode(text(tree))
    }

    @Test("Each is described, with what it may hold", arguments: fields.map(\.path))
    func description(_ path: String) throws {
        let field = try #require(Self.fields.first { $0.path == path }).field
        #expect(!field.summary.isEmpty && !field.values.isEmpty)
        #expect(field.summary.hasSuffix(".") || field.summary.hasSuffix("]."))
    }

    @Test(
        "Each is either taken over by a reload or named as waiting",
        arguments: fields.map(\.path)
    )
    func reload(_ path: String) throws {
        let field = try #require(Self.fields.first { $0.path == path }).field
        let old = try configuration()
        let new = try configuration(path)
        #expect(field.differs(old, new))
        let changed = Self.fields.filter { $0.field.differs(old, new) }.map(\.path)
        #expect(changed == (path == "ipvs.binding" ? ["serviceCIDRs", path] : [path]))
        var running = old
        let waiting = running.reload(new)
        switch field.reload {
        case .live:
            #expect(waiting.isEmpty)
            #expect(running == new)
        case .restart:
            #expect(waiting == [path])
            #expect(running == old)
        }
        #expect(try decode(new.text()) == new)
    }

    @Test("A section that comes or goes is named once, and what runs stays")
    func optionalSection() throws {
        let files = try decode("masquerade: {all: true}")
        let cluster = try decode("sources: {kubernetes: {kubeconfig: /k, staleAfter: 1m}}")
        var running = files
        #expect(running.reload(cluster) == ["sources.kubernetes"])
        #expect(running.sources == files.sources && !running.masquerade.all)
        running = cluster
        #expect(running.reload(files) == ["sources.kubernetes"])
        #expect(running.sources == cluster.sources && running.masquerade.all)
    }

    @Test("As JSON it has the names and the values of the file")
    func json() throws {
        let configuration = try decode(
            "node: {zone: \"a\\\"b\"}\nlog: {level: debug}\nserviceCIDRs: [10.96.0.0/12]"
        )
        #expect(configuration.json.hasPrefix("{\"mode\":\"iptables\",\"families\":\"auto\""))
        let object = try JSONSerialization.jsonObject(with: Data(configuration.json.utf8))
        let fields = try #require(object as? [String: Any])
        #expect((fields["node"] as? [String: Any])?["zone"] as? String == "a\"b")
        #expect((fields["log"] as? [String: Any])?["level"] as? String == "debug")
        #expect(fields["serviceCIDRs"] as? [String] == ["10.96.0.0/12"])
        #expect((fields["reconcile"] as? [String: Any])?["minInterval"] as? String == "10ms")
        #expect((fields["sources"] as? [String: Any])?["kubernetes"] is NSNull)
        #expect(Set(fields.keys) == Set(ConfigurationField.root.fields.map(\.name)))
        // It is YAML as well, and means the same.
        #expect(try decode(configuration.json) == configuration)
    }
}
