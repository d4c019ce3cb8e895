import KubernetesTestServer
import NamespaceLab
import SoakJudging
import Synchronization
import TestSupport

/// Nobody listens where the API server was.
struct ServerGone: SoakFault {
    let name = "server gone"
    let touches: Set<Touched> = [.server]
    let lasts: ClosedRange<Double>? = 2...8

    private(set) var miss: String?

    mutating func begin(_ node: SoakNode, _: inout SplitMix64) async throws {
        await node.server.stop()
        let deadline = Deadline(in: .seconds(5))
        while node.server.connectionCount > 0 {
            guard !deadline.hasPassed else {
                miss = "\(node.server.connectionCount) connections are left"
                return
            }
            try await Task.sleep(for: .milliseconds(20))
        }
    }

    func end(_ node: SoakNode) async throws { try await node.server.start(port: node.port) }
}

/// The server comes back with a certificate that the daemon does not trust, until the file with the authorities has
/// another one.
struct CertificateChanged: SoakFault {
    let name = "certificate changed"
    let touches: Set<Touched> = [.server]
    let lasts: ClosedRange<Double>? = 2...6
    private var mark = 0
    private(set) var miss: String?

    mutating func begin(_ node: SoakNode, _: inout SplitMix64) async throws {
        mark = node.log.utf8.count
        let tls = try node.certificates.server(1 - node.certificates.trusted)
        await node.server.stop()
        node.server.change { $0.tls = tls }
        try await node.server.start(port: node.port)
    }

    /// Not before the daemon has met it, which comes back after growing pauses.
    mutating func end(_ node: SoakNode) async throws {
        let deadline = Deadline(in: .seconds(20 * Machine.slowness))
        while !isMentioned(in: node.log(after: mark)), miss == nil {
            if deadline.hasPassed { miss = "the daemon does not mention the certificate" }
            try await Task.sleep(for: .milliseconds(20))
        }
        try node.certificates.trust(1 - node.certificates.trusted)
    }

    private func isMentioned(in log: String) -> Bool {
        ["certificate", "authorit"].contains { log.contains($0) }
    }
}

/// The server knows no earlier changes, so that watches fail with 410 and lists have to be had anew.
struct ServerForgets: SoakFault {
    let name = "status 410"
    let touches: Set<Touched> = [.server]

    private(set) var miss: String?

    mutating func begin(_ node: SoakNode, _ random: inout SplitMix64) async throws {
        let before = node.server.requests.count
        let compacts = Bool.random(using: &random)
        // The daemon must not get the last revision before it is forgotten.
        node.server.setFault { _ in .drop }
        node.server.dropConnections()
        try await Task.sleep(for: .milliseconds(100))
        node.cluster.change(&random)
        if compacts { node.cluster.state.compact() } else { node.cluster.state.forgetChanges() }
        node.server.setFault { _ in nil }
        let deadline = Deadline(in: .seconds(10))
        while !node.server.requests.dropFirst(before).contains(where: \.isList) {
            guard !deadline.hasPassed else {
                miss = "nothing was listed again"
                return
            }
            try await Task.sleep(for: .milliseconds(20))
        }
    }
}

/// The server answers all requests badly. Those under way end.
struct BadAnswers: SoakFault {
    let name: String
    let touches: Set<Touched> = [.server]
    let lasts: ClosedRange<Double>? = 2...8
    private let answer: Fault
    private let requests = Count()
    private(set) var miss: String?

    /// How many requests were answered so.
    private final class Count: Sendable {
        let value = Mutex(0)
    }

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
        requests.value.withLock { $0 = 0 }
        node.server.setFault { [answer, requests] _ in
            requests.value.withLock { $0 += 1 }
            return answer
        }
        node.server.dropConnections()
    }

    /// Not before a request has come: the daemon comes back after growing pauses.
    mutating func end(_ node: SoakNode) async throws {
        let deadline = Deadline(in: .seconds(20 * Machine.slowness))
        while requests.value.withLock({ $0 }) == 0, miss == nil {
            if deadline.hasPassed { miss = "no request has come" }
            try await Task.sleep(for: .milliseconds(20))
        }
        node.server.setFault { _ in nil }
        // A stalled request would be answered by nobody.
        node.server.dropConnections()
    }
}

extension ReceivedRequest {
    /// Of a whole list, and not only of what changes.
    fileprivate var isList: Bool {
        method == "GET" && (!isWatch || query["sendInitialEvents"] == "true")
    }
}
