import Addressing
import Foundation
import KubernetesTestServer
import NamespaceLab
import Testing

extension KernelSuites {
    /// Commands beside a daemon that was started with kube-proxy's flags, as another node than the host's
    /// name says.
    @Suite("Commands beside a daemon")
    struct RunningDaemonTests {
        /// A directory over /run/fairlead that only `script` sees, where the daemon's socket is.
        private func run(_ script: String, in directory: String) throws -> (
            output: String, status: Int32
        ) {
            let text = """
                set -u
                mkdir -p /run/fairlead && mount -t tmpfs tmpfs /run/fairlead
                cd \(directory)
                \(script)
                """
            return try LabCommand.result(
                ["unshare", "-m", "--propagation", "private", "sh", "-c", text],
                Deadline(in: .seconds(120))
            )
        }

        /// Waits for the first pass, which has nothing to change.
        private func expectIdlePass(_ fixture: DaemonFixture) throws {
            var status = ""
            let hasPassed = try eventually {
                status = try fixture.fairlead("status", "--output", "json").output
                return status.contains("\"operations\"")
            }
            #expect(hasPassed && status.contains("\"operations\" : 0"), "\(status)\n\(fixture.log)")
        }

        @Test("They take its configuration, by flags and with a relative kubeconfig, and its node")
        func configuration() async throws {
            let cluster = LifeCluster(serviceRange: "10.96.0.0/16")
            let server = KubernetesTestServer(cluster.state)
            let port = try await server.start()
            let fixture = try DaemonFixture(servers: false)
            try LifeCluster.kubeconfig(port).write(
                toFile: fixture.directory + "/proxy.conf",
                atomically: true,
                encoding: .utf8
            )
            let program = BuiltProgram.fairlead
            let start = """
                \(program) run --kubeconfig=./proxy.conf --hostname-override=Node-A \
                --proxy-mode=nftables --cluster-cidr=10.180.0.0/16 --netns \(fixture.lab.node) \
                --feature-gates=NFTablesProxyMode=true,KubeProxyIPVS=true >log 2>&1 & daemon=$!
                tries=0
                until \(program) status 2>/dev/null | grep -q 'last pass  [0-9]'; do
                  tries=$((tries + 1)); [ $tries -lt 300 ] || { cat log; break; }
                  sleep 0.1
                done

                """
            let result = try run(
                start + """
                    cd /
                    \(program) verify; echo "verify: $?"
                    \(program) plan --diff --exit-code; echo "plan: $?"
                    \(program) check | sed 's/^/check: /'
                    \(program) verify --node-name elsewhere; echo "elsewhere: $?"
                    nsenter --net=/run/netns/\(fixture.lab.node) python3 -c \
                      'import urllib.request as u; print(u.urlopen("http://127.0.0.1:10249/metrics").read().decode())'
                    kill $daemon; wait $daemon; echo "daemon: $?"
                    """,
                in: fixture.directory
            )
            await server.stop()
            let output = result.output
            let source = "configuration: that of the running daemon (process "
            #expect(output.contains(source), "\(output)")
            for line in ["verify: 0", "plan: 0", "elsewhere: 1", "daemon: 0"] {
                #expect(
                    output.contains("\n\(line)\n") || output.hasSuffix("\n\(line)\n"),
                    "\(output)"
                )
            }
            #expect(output.contains("check: ok    configuration"))
            #expect(
                output.contains(
                    "Error: the cluster has no Node \"elsewhere\"; name this node's Node"
                )
            )
            let host = "host=\"127.0.0.1:\(port)\""
            for metric in [
                "rest_client_requests_total{code=\"200\",\(host),method=\"GET\"} ",
                "rest_client_rate_limiter_duration_seconds_count{\(host),verb=\"GET\"} ",
                "kubernetes_feature_enabled{name=\"NFTablesProxyMode\",stage=\"\"} 1",
                "kubernetes_feature_enabled{name=\"KubeProxyIPVS\",stage=\"DEPRECATED\"} 1",
            ] {
                #expect(output.contains(metric), "\(metric)")
            }
        }

        @Test(
            "A configuration file in its usual place that is moved away leaves the configuration in effect"
        )
        func movedConfiguration() throws {
            let fixture = try DaemonFixture(mode: "nftables", servers: false)
            try fixture.write(LifeScript.web(1))
            // The usual place, for the script alone.
            let result = try run(
                """
                cp -a /etc etc && mount --bind etc /etc && mkdir -p /etc/fairlead
                cp fairlead.yaml /etc/fairlead/fairlead.yaml
                \(BuiltProgram.fairlead) run >log 2>&1 & daemon=$!
                await() { for i in $(seq 300); do grep -q "$1" log && return; sleep 0.1; done; cat log; kill $daemon; exit 1; }
                await 'Pass done'
                mv /etc/fairlead/fairlead.yaml /etc/fairlead/away
                await 'Configuration not reloaded'
                \(BuiltProgram.fairlead) status -c /etc/fairlead/away | grep -q 'mode nftables' || exit 2
                kill $daemon
                wait $daemon && ! grep 'Configuration reloaded' log
                """,
                in: fixture.directory
            )
            #expect(result.status == 0, "\(result.output)")
        }

        @Test("A daemon whose Node the cluster does not have says so in log and status")
        func missingNode() async throws {
            let cluster = LifeCluster()
            cluster.putWeb(1)
            cluster.deleteNode()
            let server = KubernetesTestServer(cluster.state)
            let port = try await server.start()
            let fixture = try DaemonFixture(mode: "nftables", servers: false, apiServer: port)
            try fixture.start()
            let words =
                "the cluster has no Node \"node-a\"; name this node's Node with --node-name or node.name"
            let logged = words.replacing("\"", with: "\\\"")
            #expect(try eventually { fixture.log.contains(logged) }, "\(fixture.log)")
            let isShown = try eventually {
                try fixture.fairlead("status").output.contains("\n  \(words)\n")
            }
            #expect(isShown, "\(fixture.log)")
            cluster.putNode(zone: nil, podRanges: [])
            try fixture.waitUntilApplied()
            #expect(try !fixture.fairlead("status").output.contains(words))
            try fixture.stop()
            await server.stop()
        }

        @Test("The first pass and commands wait for ServiceCIDRs that come late")
        func lateServiceCIDRs() async throws {
            let cluster = LifeCluster(serviceRange: "10.96.0.0/16")
            let server = KubernetesTestServer(cluster.state)
            server.setFault { request in
                request.path.hasSuffix("servicecidrs") || request.path.hasSuffix("nodes")
                    ? .delay(.seconds(1)) : nil
            }
            let port = try await server.start()
            let fixture = try DaemonFixture(mode: "nftables", servers: false, apiServer: port)
            #expect(try fixture.fairlead("apply").status == 0)
            #expect(try fixture.run(["nft", "list", "ruleset"]).contains("10.96.0.0/16"))
            #expect(try fixture.fairlead("plan", "--diff", "--exit-code").status == 0)
            #expect(try fixture.fairlead("verify").status == 0)
            // What stands is what the daemon's first pass wants, so that it changes nothing.
            try fixture.start()
            try expectIdlePass(fixture)
            #expect(!fixture.log.contains("Pass done"), "\(fixture.log)")
            try fixture.stop()
            await server.stop()
        }

        @Test("ServiceCIDRs that do not come are those of the last run")
        func rememberedServiceCIDRs() async throws {
            let cluster = LifeCluster(serviceRange: "10.96.0.0/16")
            let server = KubernetesTestServer(cluster.state)
            let port = try await server.start()
            let fixture = try DaemonFixture(mode: "nftables", servers: false, apiServer: port)
            try fixture.start()
            try fixture.waitUntilApplied()
            try fixture.stop()
            server.setFault { $0.path.hasSuffix("servicecidrs") ? .stall : nil }
            try fixture.start()
            try expectIdlePass(fixture)
            #expect(try fixture.run(["nft", "list", "ruleset"]).contains("10.96.0.0/16"))
            try fixture.stop()
            await server.stop()
        }
    }
}
