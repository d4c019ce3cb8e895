import SoakJudging
import Testing

@Suite("Stale UDP flows")
struct StaleFlowsTests {
    @Test("An entry from a frontend to a pod that is no endpoint any more is found, and no other")
    func find() {
        var history = EndpointHistory([[1], [1]])
        history.set(0, to: [2], at: 10)
        func line(_ frontend: String, _ port: Int, _ endpoint: String) -> String {
            "udp      17 29 src=192.0.2.100 dst=\(frontend) sport=1024 dport=\(port) "
                + "src=\(endpoint) dst=192.0.2.100 sport=5353 dport=1024 [ASSURED] mark=0 use=1"
        }
        let stale = line("10.96.0.10", 53, "10.180.0.11")
        let text = [
            stale, line("10.96.0.10", 53, "10.180.0.12"), line("10.96.0.11", 53, "10.180.0.11"),
            line("10.96.0.10", 54, "10.180.0.11"), line("10.96.0.10", 53, "10.180.0.99"),
            "udp 17 9 src=192.0.2.100 dst=10.96.0.10 sport=1 dport=53 [UNREPLIED]",
            "conntrack v1.4.7 (conntrack-tools): 5 flow entries have been shown.",
        ].joined(separator: "\n")
        let found = StaleFlows.find(
            in: text,
            frontends: ["10.96.0.10 53": 0, "10.96.0.11 53": 1],
            endpoints: ["10.180.0.11 5353": 1, "10.180.0.12 5353": 2],
            history
        )
        #expect(found == [stale])
    }
}
