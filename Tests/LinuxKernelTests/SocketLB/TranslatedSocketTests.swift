import Addressing
import CSocketLB
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
        var sockets: TranslatedSockets

        var first: SocketAddress { names.endpoint(1) }
        var second: SocketAddress { names.endpoint(2) }
        var frontend: SocketAddress { SocketAddress(names.cluster(1), SocketNames.port(53)) }
        /// Of `connect` and `open-connected`.
        var target: String { "udp \(names.digit) \(names.cluster(1)) 53" }

        init(_ family: IPFamily = .ipv4, room: Int = 4096) throws {
            fixture = try SocketFixture(family)
            names = SocketNames(family: family)
            agent = try fixture.agent(serving: [names.endpoint(1), names.endpoint(2)])
            var sizes = SocketMapSizes()
            sizes.udpSockets = room
            store = fixture.store(sizes: sizes)
            sockets = TranslatedSockets(family: family, directory: fixture.directory)
            state.add([names.frontend(names.cluster(1), 53, .udp)], group: 7, [first])
            try fixture.apply(state, through: store)
        }

        mutating func happen() throws {
            let second = second
            state.groups[7]?.slots = [second]
            try fixture.apply(state, through: store)
        }

        mutating func end(
            _ scope: SocketPlace.Scope = .all,
            gone: SocketAddress? = nil
        ) throws -> TranslatedSockets.Report {
            let gone = UDPFlow(destination: frontend, responder: gone ?? first)
            return try sockets.end(scope) { $0 == gone }
        }

        /// Connected UDP sockets of the programs, the room for them, and how often there was none.
        func use() throws -> [Int] {
            let use = try store.use()
            let map = try #require(use.maps.first { $0.name == "udp_sockets" })
            return [map.entries, map.capacity, Int(use.overflows.udpSockets)]
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

        let report = try change.end()
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
        // Sockets that were ended are there until they are closed, and need no other look.
        #expect(try change.use() == [2, 4096, 0])
        #expect(try change.end() == TranslatedSockets.Report())
        // Connected once more, they are like others.
        try agent.ask("reconnect two \(change.names.cluster(1)) 53")
        #expect(try agent.ask("send two").hasPrefix("\(change.second) "))
        #expect(try change.end(gone: change.second).ended == 1)
        #expect(try agent.ask("broken two") == "1")
    }

    @Test("What is remembered of sockets goes with them", arguments: IPFamily.allCases)
    func closed(_ family: IPFamily) throws {
        let change = try Change(family)
        let agent = change.agent
        try agent.ask("open-many 50 one \(change.target)")
        #expect(try change.use() == [50, 4096, 0])
        // Sockets of other peers, protocols, and without a connection are none of these.
        let direct = "udp \(change.names.digit) \(change.first.address) \(change.first.port)"
        try agent.ask("open-connected direct \(direct)")
        try agent.ask("open loose \(change.names.digit)")
        try agent.ask("send loose \(change.names.cluster(1)) 53")
        #expect(try change.use() == [50, 4096, 0])
        // The same socket, connected once more, and elsewhere.
        try agent.ask("reconnect one7 \(change.names.cluster(1)) 53")
        #expect(try change.use() == [50, 4096, 0])
        try agent.ask("reconnect one7 \(change.first.address) \(change.first.port)")
        #expect(try change.use() == [49, 4096, 0])
        for number in 0..<50 { try agent.ask("close one\(number)") }
        #expect(try change.use() == [0, 4096, 0])
        let entries = try #require(change.store.maps).the(.udpSockets)
            .entries(UInt64.self, lb_udp_socket.self)
        #expect(entries.keys.isEmpty)
    }

    @Test("A full table leaves sockets to the packet rules, and counts them")
    func full() throws {
        let change = try Change(room: 4)
        let agent = change.agent
        try agent.ask("open-many 4 one \(change.target)")
        #expect(try change.use() == [4, 4, 0])
        // No packet rule serves here.
        #expect(try agent.ask("open-connected two \(change.target)") == "ENETUNREACH")
        #expect(try change.use() == [4, 4, 1])
        // One that has its place keeps it.
        try agent.ask("reconnect one0 \(change.names.cluster(1)) 53")
        #expect(try agent.ask("send one0").hasPrefix("\(change.first) peer \(change.frontend) "))
        try agent.ask("close one0")
        #expect(try agent.ask("open-connected two \(change.target)") == "open")
        #expect(try change.use() == [4, 4, 1])
    }

    @Test("Sockets are remembered across another daemon's start, and not without UDP")
    func takeover() throws {
        var change = try Change()
        let agent = change.agent
        try agent.ask("open-connected one \(change.target)")
        var sizes = SocketMapSizes()
        sizes.udpSockets = 4096
        let next = change.fixture.store(sizes: sizes)
        _ = try next.observe()
        var settings = try #require(next.maps).settings()
        settings.version += 1
        try #require(next.maps).set(settings)
        #expect(try !next.observe().state.isAttached)
        try change.fixture.apply(change.state, through: next)
        #expect(try change.use() == [1, 4096, 0])
        try change.happen()
        #expect(try change.end().ended == 1)
        // Nothing would see the ends of sockets.
        next.place.transports = [.tcp]
        try change.fixture.apply(change.state, through: next)
        #expect(try !next.use().maps.contains { $0.name == "udp_sockets" })
        next.place.transports = [.tcp, .udp]
        try change.fixture.apply(change.state, through: next)
        let map = try #require(next.use().maps.first { $0.name == "udp_sockets" })
        #expect(map.entries == 0 && map.capacity == 4096)
    }

    @Test("An IPv6 socket with an IPv4 address is ended, too")
    func mapped() throws {
        var change = try Change()
        try change.agent.ask("open-connected one udp 6 ::ffff:\(change.names.cluster(1)) 53")
        #expect(try change.agent.ask("send one").hasPrefix("\(change.first) "))
        try change.happen()
        #expect(try change.end().ended == 1)
        #expect(try change.agent.ask("broken one") == "1")
    }

    @Test("A socket that has connected elsewhere meanwhile is none of ours any more")
    func reconnected() throws {
        var change = try Change()
        try change.agent.ask("open-connected one \(change.target)")
        try change.agent.ask("reconnect one \(change.first.address) \(change.first.port)")
        try change.happen()
        #expect(try change.end() == TranslatedSockets.Report())
        #expect(try change.agent.ask("send one").hasPrefix("\(change.first) "))
    }

    @Test("A thousand sockets are ended, and the kernel tells of no other one")
    func many() throws {
        var change = try Change()
        let agent = change.agent
        try agent.ask("open-many 1000 gone \(change.target)")
        try change.happen()
        try agent.ask("open-many 200 kept \(change.target)")
        let report = try change.end(.node)
        #expect(report.ended == 1000 && report.failures.isEmpty)
        #expect(report.examined == 1000)
        #expect(try agent.ask("broken gone") == "1000")
        #expect(try agent.ask("broken kept") == "0")
    }

    @Test("Sockets of many endpoints, of both families of sockets, are picked, and no others")
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
        var sockets = TranslatedSockets(family: .ipv4, directory: fixture.directory)
        #expect(try sockets.end(.node) { _ in false } == TranslatedSockets.Report())
        for wanted in [endpoints[69...69], endpoints[67...68], endpoints[0...1]] {
            let report = try sockets.end(.node) { wanted.contains($0.responder) }
            #expect(report.examined == 2 * wanted.count && report.ended == 2 * wanted.count)
        }
        #expect(try agent.ask("send four70") == "EDESTADDRREQ")
        #expect(try agent.ask("send six70") == "EDESTADDRREQ")
        #expect(try agent.ask("send six67").hasPrefix("\(endpoints[66]) "))
        // More than the filter takes: the kernel tells all.
        let report = try sockets.end(.node) { _ in true }
        #expect(report.ended == 130 && report.examined >= 130)
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
        // Containers and sandboxes may hide the namespaces of some processes.
        #expect(here.paths.first == "/proc/thread-self/ns/net")
        #expect(here.paths.count { $0 == "/proc/\(pod.process)/ns/net" } == 1)
        // The process of the first agent is in this namespace, which is there already.
        #expect(!here.paths.contains("/proc/\(change.agent.process)/ns/net"))

        for agent in [change.agent, pod] {
            #expect(try agent.ask("open-connected one \(change.target)") == "open")
        }
        try change.happen()
        let onNode = try change.end(.node)
        // The pod's may still be about to connect, for all that is known here.
        #expect(onNode.namespaces == 1 && onNode.ended == 1 && onNode.isUnfinished)
        #expect(try change.agent.ask("broken one") == "1")
        #expect(try pod.ask("broken one") == "0")
        let everywhere = try change.end()
        #expect(everywhere.namespaces >= 1 && everywhere.ended == 1)
        #expect(!everywhere.isUnfinished)
        #expect(try pod.ask("broken one") == "1")
        // This thread has not moved.
        #expect(try Self.namespace() == home)
        #expect(try change.end() == TranslatedSockets.Report())
    }

    private static func namespace() throws -> String {
        try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/thread-self/ns/net")
    }

    @Test("Without programs there is nothing to end, and this kernel can")
    func nothing() throws {
        let fixture = try SocketFixture()
        var sockets = TranslatedSockets(family: .ipv4, directory: fixture.directory)
        #expect(try sockets.end(.all) { _ in true } == TranslatedSockets.Report())
        #expect(try DatagramSockets.shortcoming() == nil)
        #expect(KernelCapabilities.endingOfSockets().level == .good)
    }
}
