import Addressing
import DataplaneModel
import Testing

@testable import SocketLB

@Suite("Socket programs: datagrams")
@KernelThread
struct SocketDatagramTests {
    @Test(
        "Answers come from the frontend, and a socket keeps its endpoint",
        arguments: IPFamily.allCases
    )
    func unconnected(_ family: IPFamily) throws {
        let fixture = try SocketFixture(family)
        let names = SocketNames(family: family)
        let endpoints = (1...4).map(names.endpoint)
        let agent = try fixture.agent(serving: endpoints)
        let store = fixture.store()
        var state = SocketState()
        state.add([names.frontend(names.cluster(1), 53, .udp)], group: 7, endpoints)
        try fixture.apply(state, through: store)
        let shown = SocketAddress(names.cluster(1), SocketNames.port(53))
        var seen: Set<String> = []
        for number in 0..<32 {
            try agent.ask("open s\(number) \(names.digit)")
            let answers = try agent.ask("send s\(number) \(names.cluster(1)) 53", times: 4)
            #expect(answers.count == 1)
            #expect(answers.keys.allSatisfy { $0.hasSuffix(" from \(shown)") })
            seen.formUnion(answers.keys)
        }
        #expect(seen.count == 4)
        // Those at endpoints that stay keep them, though slots move; one endpoint more changes nothing.
        let before = try (0..<32).map { try agent.ask("send s\($0) \(names.cluster(1)) 53") }
        for slots in [[1, 3, 2], [3, 2, 1, 0]] {
            state.groups[7]?.slots = slots.map { endpoints[$0] }
            try fixture.apply(state, through: store)
            for (number, answer) in before.enumerated()
            where !answer.hasPrefix("\(endpoints[0]) ") {
                #expect(try agent.ask("send s\(number) \(names.cluster(1)) 53") == answer)
            }
        }
        // What is sent to an endpoint itself is answered by itself.
        let direct = "send s0 \(endpoints[0].address) \(endpoints[0].port)"
        try agent.ask("open direct \(names.digit)")
        #expect(
            try agent.ask(direct.replacing("s0", with: "direct"))
                == "\(endpoints[0]) from \(endpoints[0])"
        )
        // Once the endpoint is gone the next datagram goes to another.
        state.groups[7]?.slots = [endpoints[3]]
        try fixture.apply(state, through: store)
        for number in 0..<32 {
            #expect(
                try agent.ask("send s\(number) \(names.cluster(1)) 53")
                    == "\(endpoints[3]) from \(shown)"
            )
        }
    }

    @Test(
        "A connected socket keeps its endpoint and shows the frontend",
        arguments: IPFamily.allCases
    )
    func connected(_ family: IPFamily) throws {
        let fixture = try SocketFixture(family)
        let names = SocketNames(family: family)
        let endpoints = (1...4).map(names.endpoint)
        let agent = try fixture.agent(serving: endpoints)
        let store = fixture.store()
        var state = SocketState()
        state.add([names.frontend(names.cluster(1), 53, .udp)], group: 7, endpoints)
        try fixture.apply(state, through: store)
        let shown = SocketAddress(names.cluster(1), SocketNames.port(53))
        try agent.ask("open-connected one udp \(names.digit) \(names.cluster(1)) 53")
        let answers = try agent.ask("send one", times: 20)
        #expect(answers.count == 1)
        #expect(answers.keys.allSatisfy { $0.hasSuffix(" peer \(shown) from \(shown)") })
        #expect(
            try agent.ask("connect udp \(names.digit) \(names.cluster(1)) 53", times: 64).count == 4
        )
    }

    @Test(
        "An endpoint that is asked for itself answers as itself, whatever the socket did before",
        arguments: IPFamily.allCases
    )
    func direct(_ family: IPFamily) throws {
        let fixture = try SocketFixture(family)
        let names = SocketNames(family: family)
        let endpoint = names.endpoint(1)
        let agent = try fixture.agent(serving: [endpoint])
        let store = fixture.store()
        var state = SocketState()
        state.add([names.frontend(names.cluster(1), 53, .udp)], group: 7, [endpoint])
        state.add([names.frontend(names.cluster(1), 80)], group: 8, [endpoint])
        try fixture.apply(state, through: store)
        let shown = SocketAddress(names.cluster(1), SocketNames.port(53))
        let direct = "\(endpoint.address) \(endpoint.port)"
        let itself = "\(endpoint) peer \(endpoint)"
        #expect(try agent.ask("connect tcp \(names.digit) \(direct)") == itself)
        #expect(
            try agent.ask("connect udp \(names.digit) \(direct)") == "\(itself) from \(endpoint)"
        )
        // A connected socket, to the Service and then to the endpoint.
        try agent.ask("open-connected one udp \(names.digit) \(names.cluster(1)) 53")
        #expect(try agent.ask("send one") == "\(endpoint) peer \(shown) from \(shown)")
        try agent.ask("reconnect one \(direct)")
        #expect(try agent.ask("send one") == "\(itself) from \(endpoint)")
        // One that has sent to the Service without a connection.
        try agent.ask("open two \(names.digit)")
        let service = "send two \(names.cluster(1)) 53"
        #expect(try agent.ask(service) == "\(endpoint) from \(shown)")
        try agent.ask("reconnect two \(direct)")
        #expect(try agent.ask("send two") == "\(itself) from \(endpoint)")
        // The same with a datagram; the Service is left to the packet rules then, which are none here.
        try agent.ask("open three \(names.digit)")
        #expect(
            try agent.ask(service.replacing("two", with: "three")) == "\(endpoint) from \(shown)"
        )
        #expect(try agent.ask("send three \(direct)") == "\(endpoint) from \(endpoint)")
        #expect(try agent.ask(service.replacing("two", with: "three")) == "ENETUNREACH")
    }

    @Test("The first datagrams of one socket, sent at the same moment, reach one endpoint")
    func simultaneous() throws {
        let fixture = try SocketFixture()
        let names = SocketNames(family: .ipv4)
        let endpoints = (1...9).map(names.endpoint)
        let agent = try fixture.agent(serving: endpoints)
        let store = fixture.store()
        var state = SocketState()
        state.add([names.frontend(names.cluster(1), 53, .udp)], group: 7, endpoints)
        try fixture.apply(state, through: store)
        #expect(try agent.ask("first-datagrams 2000 4 \(names.cluster(1)) 53") == "0")
    }

    @Test("Sockets that are open when the programs go keep their endpoint, and show it")
    func switchedOff() throws {
        let fixture = try SocketFixture()
        let names = SocketNames(family: .ipv4)
        let endpoint = names.endpoint(1)
        let agent = try fixture.agent(serving: [endpoint])
        let store = fixture.store()
        var state = SocketState()
        state.add([names.frontend(names.cluster(1), 53, .udp)], group: 7, [endpoint])
        // Connected before the programs come: what a packet rule would translate.
        try fixture.add(names.cluster(2))
        try agent.ask("serve \(names.cluster(2)) 53")
        state.add([names.frontend(names.cluster(2), 53, .udp)], group: 8, [endpoint])
        try agent.ask("open-connected early udp 4 10.96.0.2 53")
        try fixture.apply(state, through: store)
        #expect(try agent.ask("send early") == "10.96.0.2:53 peer 10.96.0.2:53 from 10.96.0.2:53")
        try agent.ask("open-connected one udp 4 10.96.0.1 53")
        try agent.ask("open two 4")
        #expect(try agent.ask("send one") == "\(endpoint) peer 10.96.0.1:53 from 10.96.0.1:53")
        #expect(try agent.ask("send two 10.96.0.1 53") == "\(endpoint) from 10.96.0.1:53")
        try SocketStore.removeAll(directory: fixture.directory)
        #expect(try agent.ask("send one") == "\(endpoint) peer \(endpoint) from \(endpoint)")
        #expect(try agent.ask("send two 10.96.0.1 53") == "ENETUNREACH")
        #expect(try agent.ask("send early") == "10.96.0.2:53 peer 10.96.0.2:53 from 10.96.0.2:53")
    }

    @Test("A socket that is not connected any more shows senders as they are")
    func disconnected() throws {
        let fixture = try SocketFixture()
        let names = SocketNames(family: .ipv4)
        let endpoint = names.endpoint(1)
        let agent = try fixture.agent(serving: [endpoint])
        let store = fixture.store()
        var state = SocketState()
        state.add([names.frontend(names.cluster(1), 53, .udp)], group: 7, [endpoint])
        try fixture.apply(state, through: store)
        try agent.ask("open-connected one udp 4 \(names.cluster(1)) 53")
        #expect(try agent.ask("send one").hasSuffix(" from 10.96.0.1:53"))
        #expect(try agent.ask("disconnect one") == "disconnected")
        let direct = "send one \(endpoint.address) \(endpoint.port)"
        #expect(try agent.ask(direct) == "\(endpoint) from \(endpoint)")
    }

    @Test("Two frontends with one endpoint, and more frontends than there is room for, are left")
    func ambiguous() throws {
        let fixture = try SocketFixture()
        let names = SocketNames(family: .ipv4)
        let endpoints = (1...18).map(names.endpoint)
        let agent = try fixture.agent(serving: endpoints)
        let store = fixture.store()
        var state = SocketState()
        for number in 1...18 {
            let frontend = names.frontend(names.cluster(number), 53, .udp)
            state.add([frontend], group: UInt32(number), [endpoints[number - 1]])
        }
        state.add([names.frontend(names.cluster(99), 53, .udp)], group: 99, [endpoints[0]])
        try fixture.apply(state, through: store)
        try agent.ask("open one 4")
        #expect(try agent.ask("send one 10.96.0.1 53") == "\(endpoints[0]) from 10.96.0.1:53")
        // Its answers would come from the same address.
        #expect(try agent.ask("send one 10.96.0.99 53") == "ENETUNREACH")
        // 16 frontends are remembered, and the one that is left is one of them.
        for number in 2...15 {
            #expect(
                try agent.ask("send one 10.96.0.\(number) 53")
                    == "\(endpoints[number - 1]) from 10.96.0.\(number):53"
            )
        }
        #expect(try store.use().overflows == SocketUse.Overflows())
        #expect(try agent.ask("send one 10.96.0.16 53") == "ENETUNREACH")
        #expect(try store.use().overflows == SocketUse.Overflows(flows: 1))
        #expect(try agent.ask("send one 10.96.0.1 53") == "\(endpoints[0]) from 10.96.0.1:53")
        try agent.ask("close one")
        try agent.ask("open one 4")
        #expect(try agent.ask("send one 10.96.0.99 53") == "\(endpoints[0]) from 10.96.0.99:53")
    }

    @Test("Without UDP no program is at the calls for datagrams")
    func withoutDatagrams() throws {
        let fixture = try SocketFixture()
        let store = fixture.store()
        try fixture.apply(SocketState(), through: store)
        #expect(try store.use().attached.contains("sendmsg4"))
        store.place.transports = [.tcp]
        #expect(try !store.observe().state.isAttached)
        try fixture.apply(SocketState(), through: store)
        #expect(
            try store.use().attached == ["connect4", "connect6", "getpeername4", "getpeername6"]
        )
        #expect(try store.observe().state.isAttached)
    }
}
