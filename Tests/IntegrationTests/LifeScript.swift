import Addressing
import NamespaceLab

/// The Services that the tests of a daemon's life are about.
enum LifeScript {
    static let vip = "10.96.0.10"

    /// One Service with endpoints on these pods.
    static func web(_ pods: Int...) -> String {
        let endpoints = pods.map { "{address: \(LabAddresses.pod($0, .ipv4))}" }
        return """
            services:
              - name: shop/web
                address: \(vip)
                ports: [{port: 80, targetPort: 8080}]
                endpoints: [\(endpoints.joined(separator: ", "))]

            """
    }

    /// One more Service in a list.
    static let more = """
          - name: shop/web
            address: 10.96.0.20
            ports: [{port: 80}]
            endpoints: [{address: \(LabAddresses.pod(2, .ipv4))}]

        """

    /// Services without clients, to keep a pass busy.
    static func ballast(_ count: Int) -> String {
        "services:\n"
            + (0..<count).map { index in
                """
                  - name: ballast/s\(index)
                    address: 10.97.\(index / 250).\(index % 250 + 1)
                    ports: [{port: 80}]
                    endpoints: [{address: 10.180.0.11}, {address: 10.180.0.12}]

                """
            }
            .joined()
    }

    /// The names that answer a pod that is not an endpoint.
    static func answers(_ fixture: DaemonFixture, count: Int = 30) throws -> Set<String> {
        let lines = try fixture.agent.connect(
            to: "\(vip):80/tcp",
            in: fixture.lab.pod(3),
            count: count,
            timeout: .milliseconds(1600)
        )
        return Set(lines.map { String($0.prefix { $0 != " " }) })
    }
}
