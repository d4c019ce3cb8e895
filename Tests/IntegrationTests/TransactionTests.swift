import Addressing
import NamespaceLab
import Testing

extension KernelSuites {
    /// A change in iptables mode is several transactions of the kernel, and packets come between them.
    @Suite("Between two transactions of iptables mode")
    struct TransactionTests {
        /// External ones: without an endpoint nothing but the rule in filter refuses their packets.
        private static let addresses = ["198.51.100.31", "198.51.100.32"]

        /// Two Services, of which one has an endpoint.
        private static func services(serving: Int) -> String {
            "services:\n"
                + addresses.indices.map { index in
                    let endpoint = "{address: \(LabAddresses.pod(1, .ipv4))}"
                    return """
                          - name: shop/s\(index)
                            address: 10.96.0.\(index + 31)
                            externalIPs: [\(addresses[index])]
                            ports: [{port: 80, targetPort: 8080}]
                            endpoints: [\(index == serving ? endpoint : "")]

                        """
                }
                .joined()
        }

        @Test(
            "While a Service loses its last endpoint and another gets its first, all connections are answered or refused"
        )
        func exchange() throws {
            let fixture = try DaemonFixture()
            try fixture.write(Self.services(serving: 0))
            try fixture.start()
            try fixture.waitUntilApplied()
            try fixture.slowingDown(at: "setsockopt", by: .milliseconds(500)) {
                for serving in [1, 0] {
                    try fixture.write(Self.services(serving: serving))
                    let outcomes = try outcomes(fixture)
                    #expect(outcomes.isSubset(of: ["pod1", "refused"]), "\(outcomes)")
                }
            }
            #expect(try fixture.fairlead("verify").status == 0)
            try fixture.stop()
        }

        /// What connections to both met until the change was in force.
        private func outcomes(_ fixture: DaemonFixture) throws -> Set<String> {
            var outcomes: Set<String> = []
            let isApplied = try eventually(within: .seconds(60)) {
                for address in Self.addresses {
                    for place in [fixture.lab.client, fixture.lab.pod(3)] {
                        let lines = try fixture.agent.connect(to: "\(address):80/tcp", in: place)
                        outcomes.formUnion(lines.map { String($0.prefix { $0 != " " }) })
                    }
                }
                return try fixture.fairlead("plan", "--diff", "--exit-code").status == 0
            }
            return isApplied ? outcomes : ["not in force"]
        }
    }
}
