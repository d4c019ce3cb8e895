import KubernetesTestServer
import TestSupport

/// Nobody listens where the API server was.
struct ServerGone: SoakFault {
    let name = "server gone"
    let touches: Set<Touched> = [.server]
    let lasts: ClosedRange<Double>? = 2...8

    func begin(_ node: SoakNode, _: inout SplitMix64) async throws { await node.server.stop() }

    func end(_ node: SoakNode) async throws { try await node.server.start(port: node.port) }
}

/// The server comes back with a certificate that the daemon does not trust, until the file with the authorities has
/// another one.
struct CertificateChanged: SoakFault {
    let name = "certificate changed"
    let touches: Set<Touched> = [.server]
    let lasts: ClosedRange<Double>? = 2...6

    func begin(_ node: SoakNode, _: inout SplitMix64) async throws {
        let tls = try node.certificates.server(1 - node.certificates.trusted)
        await node.server.stop()
        node.server.change { $0.tls = tls }
        try await node.server.start(port: node.port)
    }

    func end(_ node: SoakNode) throws {
        let complaints = ["certificate", "authorit"]
        guard complaints.contains(where: { node.log.contains($0) }) else {
            throw SoakFailure("the daemon does not mention the certificate")
        }
        try node.certificates.trust(1 - node.certificates.trusted)
    }
}

/// The server knows no earlier changes, so that watches fail with 410 and lists have to be had anew.
struct ServerForgets: SoakFault {
    let name = "status 410"
    let touches: Set<Touched> = [.server]

    func begin(_ node: SoakNode, _ random: inout SplitMix64) {
        if Bool.random(using: &random) {
            node.cluster.state.compact()
        } else {
            node.cluster.state.forgetChanges()
        }
        node.server.dropConnections()
        node.cluster.change(&random)
    }
}

/// The server answers all requests badly. Those under way end.
struct BadAnswers: SoakFault {
    let name: String
    let touches: Set<Touched> = [.server]
    let lasts: ClosedRange<Double>? = 2...8
    private let answer: Fault

    init(_ name: String, _ answer: Fault) {
        self.name = name
        self.answer = answer
    }

    init(_ name: String, code: Int, reason: String, retryAfter: Int? = nil) {
        self.init(
            name,
            .status(ServedStatus(code: code, reason: reason, retryAfterSeconds: retryAfter))
        )
    }

    func begin(_ node: SoakNode, _: inout SplitMix64) {
        node.server.setFault { [answer] _ in answer }
        node.server.dropConnections()
    }

    func end(_ node: SoakNode) {
        node.server.setFault { _ in nil }
        // A stalled request would be answered by nobody.
        node.server.dropConnections()
    }
}
