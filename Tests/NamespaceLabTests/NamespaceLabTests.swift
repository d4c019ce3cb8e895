import Addressing
import Glibc
import NamespaceLab
import Testing

/// One lab at a time: the machine has few processors and every lab starts a dozen programs.
@Suite("NamespaceLab", .serialized)
struct NamespaceLabTests {
    private let agent = LabAgent(BuiltProgram.agent)

    @Test("All members reach all others, in both families", arguments: IPFamily.allCases)
    func connectivity(_ family: IPFamily) throws {
        let lab = try NamespaceLab(name: "t\(getpid())")
        let server = endpoint(LabAddresses.pod(1, family), "8080/tcp")
        let datagrams = endpoint(LabAddresses.pod(1, family), "53/udp")
        let pod = try agent.serve([server, datagrams], as: "pod1", in: lab.pod(1))
        let client = LabAddresses.client(family)
        #expect(
            try agent.connect(to: server, in: lab.client, count: 2) == [
                "pod1 \(client)", "pod1 \(client)",
            ]
        )
        #expect(try agent.connect(to: datagrams, in: lab.client) == ["pod1 \(client)"])
        let stranger = LabAddresses.otherClient(family)
        #expect(
            try agent.connect(to: server, from: stranger, in: lab.client) == ["pod1 \(stranger)"]
        )
        #expect(
            try agent.connect(to: server, in: lab.pod(2)) == ["pod1 \(LabAddresses.pod(2, family))"]
        )
        #expect(
            try agent.connect(to: server, in: lab.node) == ["pod1 \(LabAddresses.bridge(family))"]
        )
        withExtendedLifetime(pod) {}
    }

    @Test("A connection and a datagram outlast the loss of their first packet")
    func loss() throws {
        let lab = try NamespaceLab(name: "t\(getpid())")
        let endpoints = ["8080/tcp", "53/udp"].map { endpoint(LabAddresses.pod(1, .ipv4), $0) }
        let pod = try agent.serve(endpoints, as: "pod1", in: lab.pod(1))
        // The first packet within an hour matches.
        let rules = """
            table ip loss {
                chain input {
                    type filter hook input priority 0
                    tcp flags syn limit rate 1/hour burst 1 packets counter drop
                    meta l4proto udp limit rate 1/hour burst 1 packets counter drop
                }
            }
            """
        try LabCommand.run(["nft", "-f", "-"], in: lab.pod(1), input: [rules])
        for endpoint in endpoints {
            let seen = try agent.connect(to: endpoint, in: lab.client)
            #expect(seen == ["pod1 \(LabAddresses.client(.ipv4))"])
        }
        let table = try LabCommand.run(["nft", "list", "table", "ip", "loss"], in: lab.pod(1))
        #expect(table.split(separator: "counter packets 1 ").count == 3, "\(table)")
        withExtendedLifetime(pod) {}
    }

    @Test("Failures have names")
    func failures() throws {
        let lab = try NamespaceLab(name: "t\(getpid())")
        let closed = endpoint(LabAddresses.pod(1, .ipv4), "9/tcp")
        #expect(try agent.connect(to: closed, in: lab.client) == ["refused"])
        #expect(
            try agent.connect(to: "192.0.2.77:9/tcp", in: lab.client, timeout: .milliseconds(200))
                == ["timeout"]
        )
    }

    @Test("A connection is alive until its server is gone")
    func hold() throws {
        let lab = try NamespaceLab(name: "t\(getpid())")
        let server = endpoint(LabAddresses.pod(1, .ipv4), "8080/tcp")
        let pod = try agent.serve([server], as: "pod1", in: lab.pod(1))
        let connection = try agent.hold(server, in: lab.client)
        #expect(connection.greeting == "pod1 \(LabAddresses.client(.ipv4))")
        #expect(connection.isAlive())
        pod.signal(SIGKILL)
        _ = try pod.finish()
        #expect(!connection.isAlive())
    }

    @Test("What an earlier lab left is replaced, and nothing is left")
    func leftovers() throws {
        let name = "l\(getpid())"
        try LabCommand.run(["ip", "netns", "add", "fl-\(name)-pod9"])
        try LabCommand.run(["ip", "netns", "add", "fl-\(name)x-pod9"])
        let sleeper = try LabProcess(["sleep", "300"], in: "fl-\(name)-pod9")
        // It is there once `ip` has become it.
        let deadline = Deadline(in: .seconds(30))
        while try LabCommand.run(["ip", "netns", "pids", "fl-\(name)-pod9"]).isEmpty {
            try #require(!deadline.hasPassed)
            usleep(10_000)
        }
        do {
            let lab = try NamespaceLab(name: name)
            #expect(access("/run/netns/\(lab.node)", F_OK) == 0)
            #expect(access("/run/netns/fl-\(name)-pod9", F_OK) != 0)
        }
        // A runner of tests may ignore SIGTERM, which its programs inherit.
        #expect([128 + SIGTERM, 128 + SIGKILL].contains(try sleeper.finish().status))
        #expect(LabBuilder.namespaces(of: name) == [])
        // Another lab, whose name only begins so, is not touched.
        #expect(try LabBuilder.remove(name + "x") == ["fl-\(name)x-pod9"])
    }

    @Test("A program that says nothing does not keep us")
    func deadline() throws {
        let sleeper = try LabProcess(["sleep", "60"])
        #expect(throws: LabError.self) {
            try sleeper.readLine(Deadline(in: .milliseconds(50)))
        }
    }

    @Test("Writing to a program that has ended is an error, and does not end this one")
    func ended() throws {
        let program = try LabProcess(["true"])
        #expect(try program.finish().status == 0)
        #expect(throws: LabError.self) { try program.writeLine("still there?") }
    }

    private func endpoint(_ address: String, _ port: String) -> String {
        address.contains(":") ? "[\(address)]:\(port)" : "\(address):\(port)"
    }
}
