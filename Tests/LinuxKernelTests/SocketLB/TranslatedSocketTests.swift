import Addressing
import DataplaneModel
import Foundation
import Glibc
import HostChecks
import HostFacts
import SocketDiag
import Testing

@testable import SocketLB

@Suite("UDP sockets whose endpoint is gone")
@KernelThread
struct TranslatedSocketTests {
    /// A frontend whose first endpoint clients have connected to, and which has only the second by now.
    private struct Change {
        let fixture: SocketFixture
        let names: SocketNames
        let agent: SocketAgent
        let store: SocketStore
        var state = SocketState()

        var first: SocketAddress { names.endpoint(1) }
        var second: SocketAddress { names.endpoint(2) }
        var frontend: SocketAddress { SocketAddress(names.cluster(1), SocketNames.port(53)) }
        /// Of `connect` and `open-connected`.
        var target: String { "udp \(names.digit) \(names.cluster(1)) 53" }

        init(_ family: IPFamily = .ipv4) throws {
            fixture = try SocketFixture(family)
            names = SocketNames(family: family)
            agent = try fixture.agent(serving: [names.endpoint(1), names.endpoint(2)])
            store = fixture.store()
            state.add([names.frontend(names.cluster(1), 53, .udp)], group: 7, [first])
            try fixture.apply(state, through: store)
        }

        mutating func happen() throws {
            state.groups[7]?.slots = [second]
            try fixture.apply(state, through: store)
        }

        func end(
            at endpoints: Set<SocketAddress>?,
            _ scope: SocketPlace.Scope = .all
        ) throws -> TranslatedSockets.Report {
            let gone = UDPFlow(destination: frontend, responder: first)
            return try TranslatedSockets(
                family: fixture.family,
                directory: fixture.directory,
                scope: scope
            )
            .end(at: endpoints) { $0 == gone }
        }
    }

    @Test(
        "A connected socket fails at once, and the next one reaches another endpoint",
        arguments: IPFamily.allCases
    )
    func connected(_ family: IPFamily) throws {
        var change = try Change(family)
        let agent = change.agent
        try agent.ask("open-connected one \(change.target)")
        try agent.ask("open-connected two \(change.target)")
        let direct = "udp \(change.names.digit) \(change.first.address) \(change.first.port)"
        try agent.ask("open-connected direct \(direct)")
        try agent.ask("open loose \(change.names.digit)")
        let loosely = "send loose \(change.names.cluster(1)) 53"
        #expect(try agent.ask(loosely) == "\(change.first) from \(change.frontend)")
        #expect(
            try agent.ask("send one")
                == "\(change.first) peer \(change.frontend) from \(change.frontend)"
        )
        #expect(try agent.ask("wait two") == "waiting")
        try change.happen()
        // Nothing in the kernel ends it.
        #expect(try agent.ask("send one").hasPrefix("\(change.first) "))

        let report = try change.end(at: [change.first])
        // The direct one has nothing that the programs remember of it.
        #expect(report.ended == 2 && report.failures.isEmpty)
        #expect(try agent.ask("waited two") == "ECONNABORTED")
        // It has no peer any more, and an error to be read.
        #expect(try agent.ask("send one") == "EDESTADDRREQ")
        #expect(try agent.ask("broken one") == "1")
        #expect(try agent.ask("connect \(change.target)").hasPrefix("\(change.second) "))
        #expect(
            try agent.ask("send direct")
                == "\(change.first) peer \(change.first) from \(change.first)"
        )
        // A socket that is not connected needs no end.
        #expect(try agent.ask(loosely) == "\(change.second) from \(change.frontend)")
        #expect(try change.end(at: nil).ended == 0)
    }

    @Test("An IPv6 socket with an IPv4 address is ended, too")
    func mapped() throws {
        var change = try Change()
        try change.agent.ask("open-connected one udp 6 ::ffff:\(change.names.cluster(1)) 53")
        #expect(try change.agent.ask("send one").hasPrefix("\(change.first) "))
        try change.happen()
        #expect(try change.end(at: [change.first]).ended == 1)
        #expect(try change.agent.ask("broken one") == "1")
    }

    @Test("A socket that has connected elsewhere meanwhile is none of ours any more")
    func reconnected() throws {
        var change = try Change()
        try change.agent.ask("open-connected one \(change.target)")
        try change.agent.ask("reconnect one \(change.first.address) \(change.first.port)")
        try change.happen()
        #expect(try change.end(at: [change.first]).ended == 0)
        #expect(try change.agent.ask("send one").hasPrefix("\(change.first) "))
    }

    @Test("A thousand sockets are ended, and the kernel tells of no other one")
    func many() throws {
        var change = try Change()
        let agent = change.agent
        try agent.ask("open-many 1000 gone \(change.target)")
        try change.happen()
        try agent.ask("open-many 200 kept \(change.target)")
        let report = try change.end(at: [change.first], .node)
        #expect(report.ended == 1000 && report.failures.isEmpty)
        #expect(report.examined == 1000)
        #expect(try agent.ask("broken gone") == "1000")
        #expect(try agent.ask("broken kept") == "0")
        // Without a filter all are told.
        try change.agent.ask("open-many 10 direct udp 4 \(change.first.address) 8001")
        let all = try change.end(at: nil, .node)
        #expect(all.ended == 0 && all.examined >= 210)
    }

    @Test("A filter of many endpoints, of both families of sockets, picks those alone")
    func filters() throws {
        let fixture = try SocketFixture()
        let names = SocketNames(family: .ipv4)
        let endpoints = (1...70).map(names.endpoint)
        let agent = try fixture.agent(serving: endpoints)
        let store = fixture.store()
        var state = SocketState()
        for (index, endpoint) in endpoints.enumerated() {
            let frontend = names.frontend(names.cluster(index + 1), 53, .udp)
            state.add([frontend], group: UInt32(index + 1), [endpoint])
        }
        try fixture.apply(state, through: store)
        for index in 1...70 {
            try agent.ask("open-connected four\(index) udp 4 \(names.cluster(index)) 53")
            try agent.ask("open-connected six\(index) udp 6 ::ffff:\(names.cluster(index)) 53")
        }
        let sockets = TranslatedSockets(
            family: .ipv4,
            directory: fixture.directory,
            scope: .node
        )
        for count in [1, 2, 64] {
            let wanted = Set(endpoints.suffix(count))
            let report = try sockets.end(at: wanted) { _ in false }
            #expect(report.examined == 2 * count && report.ended == 0)
        }
        let report = try sockets.end(at: Set(endpoints)) { wanted in
            wanted.responder == endpoints[69]
        }
        #expect(report.examined >= 140 && report.ended == 2)
        #expect(try agent.ask("broken four") == "1")
        #expect(try agent.ask("send four70") == "EDESTADDRREQ")
        #expect(try agent.ask("send six70") == "EDESTADDRREQ")
    }

    @Test(
        "Sockets in every network namespace are found; with scope `node`, those of the node's alone"
    )
    func namespaces() throws {
        var change = try Change()
        let pod = try change.fixture.agent(inNewNamespace: true)
        // An address of its own that the endpoint is, as a pod's route would lead there.
        let inPod = ["nsenter", "--net=/proc/\(pod.process)/ns/net", "ip"]
        try Program.check(inPod + ["link", "set", "lo", "up"])
        try Program.check(inPod + ["route", "add", "10.244.0.0/24", "dev", "lo"])
        let here = try NetworkNamespace.all()
        let home = try Self.namespace()
        #expect(here.paths.first == "/proc/thread-self/ns/net" && here.hidden == 0)
        #expect(here.paths.count { $0 == "/proc/\(pod.process)/ns/net" } == 1)
        // The process of the first agent is in this namespace, which is there already.
        #expect(!here.paths.contains("/proc/\(change.agent.process)/ns/net"))

        for agent in [change.agent, pod] {
            #expect(try agent.ask("open-connected one \(change.target)") == "open")
        }
        try change.happen()
        let onNode = try change.end(at: [change.first], .node)
        #expect(onNode.namespaces == 1 && onNode.ended == 1)
        #expect(try change.agent.ask("broken one") == "1")
        #expect(try pod.ask("broken one") == "0")
        let everywhere = try change.end(at: [change.first])
        #expect(everywhere.namespaces >= 2 && everywhere.ended == 1)
        #expect(try pod.ask("broken one") == "1")
        // This thread has not moved.
        #expect(try Self.namespace() == home)
        #expect(try change.end(at: [change.first], .node).examined == 0)
    }

    private static func namespace() throws -> String {
        try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/thread-self/ns/net")
    }

    @Test("Without programs there is nothing to end, and this kernel can")
    func nothing() throws {
        let fixture = try SocketFixture()
        let sockets = TranslatedSockets(
            family: .ipv4,
            directory: fixture.directory,
            scope: .all
        )
        let report = try sockets.end(at: nil) { _ in true }
        #expect(report == TranslatedSockets.Report())
        #expect(try DatagramSockets.shortcoming() == nil)
        #expect(KernelCapabilities.endingOfSockets().level == .good)
    }
}
