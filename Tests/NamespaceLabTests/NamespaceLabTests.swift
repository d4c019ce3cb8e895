import Addressing
import Glibc
import NamespaceLab
import Testing

/// One lab at a time: the machine has few processors and every lab starts a dozen programs.
@Suite("NamespaceLab", .serialized)
struct NamespaceLabTests {
    private let agent = LabAgent(path: BuiltProgram.agent)

    @Test("Everybody reaches everybody, in both families", arguments: IPFamily.allCases)
    func connectivity(_ family: IPFamily) throws {
        let lab = try NamespaceLab(prefix: "flt-\(getpid())")
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
        let stranger = LabAddresses.stranger(family)
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

    @Test("Failures have names")
    func failures() throws {
        let lab = try NamespaceLab(prefix: "flt-\(getpid())")
        let closed = endpoint(LabAddresses.pod(1, .ipv4), "9/tcp")
        #expect(try agent.connect(to: closed, in: lab.client) == ["refused"])
        #expect(
            try agent.connect(to: "192.0.2.77:9/tcp", in: lab.client, timeout: .milliseconds(200))
                == ["timeout"]
        )
    }

    @Test("A connection is alive until its server is gone")
    func hold() throws {
        let lab = try NamespaceLab(prefix: "flt-\(getpid())")
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
        let prefix = "flt-left-\(getpid())"
        try LabCommand.run(["ip", "netns", "add", "\(prefix)-pod2"])
        do {
            let lab = try NamespaceLab(prefix: prefix)
            #expect(access("/run/netns/\(lab.node)", F_OK) == 0)
        }
        let left = try LabCommand.run(["ip", "netns", "list"])
        #expect(!left.contains(prefix))
    }

    @Test("A program that says nothing does not keep us")
    func deadline() throws {
        let sleeper = try LabProcess(["sleep", "60"])
        #expect(throws: LabError.self) {
            try sleeper.readLine(Deadline(in: .milliseconds(50)))
        }
    }

    private func endpoint(_ address: String, _ port: String) -> String {
        address.contains(":") ? "[\(address)]:\(port)" : "\(address):\(port)"
    }
}
