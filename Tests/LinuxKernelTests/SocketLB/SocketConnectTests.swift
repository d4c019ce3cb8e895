import Addressing
import DataplaneModel
import Glibc
import Testing

@testable import SocketLB

@Suite("Socket programs: connections")
@KernelThread
struct SocketConnectTests {
    @Test(
        "A cluster address becomes an endpoint's, and the socket shows it",
        arguments: IPFamily.allCases
    )
    func clusterAddress(_ family: IPFamily) throws {
        let fixture = try SocketFixture(family)
        let names = SocketNames(family: family)
        let agent = try fixture.agent(serving: [names.endpoint(1), names.endpoint(2)])
        let store = fixture.store()
        var state = SocketState()
        state.add([names.frontend(names.cluster(1), 80)], group: 7, [names.endpoint(1)])
        state.add(
            [names.frontend(names.cluster(2), 80)],
            group: 8,
            [names.endpoint(1), names.endpoint(2)]
        )
        try fixture.apply(state, through: store)
        #expect(try store.observe().state == state)

        let shown = SocketAddress(names.cluster(1), SocketNames.port(80))
        let call = "connect tcp \(names.digit) \(names.cluster(1)) 80"
        #expect(try agent.ask(call) == "\(names.endpoint(1)) peer \(shown)")
        // Another port of the address is left alone, and so is another protocol.
        #expect(try agent.ask("connect tcp \(names.digit) \(names.cluster(1)) 81") == "ENETUNREACH")
        #expect(try agent.ask("connect udp \(names.digit) \(names.cluster(1)) 80") == "ENETUNREACH")
        let spread = try agent.ask("connect tcp \(names.digit) \(names.cluster(2)) 80", times: 64)
        #expect(spread.count == 2)
        #expect(spread.values.allSatisfy { $0 > 8 })
    }

    @Test("An IPv4 address on an IPv6 socket is one of IPv4")
    func mappedAddress() throws {
        let fixture = try SocketFixture()
        let names = SocketNames(family: .ipv4)
        let agent = try fixture.agent(serving: [names.endpoint(1)])
        let store = fixture.store()
        var state = SocketState()
        let frontends = [TransportProtocol.tcp, .udp].map {
            names.frontend(names.cluster(1), 80, $0)
        }
        state.add(frontends, group: 7, [names.endpoint(1)])
        try fixture.apply(state, through: store)
        let (server, shown) = (names.endpoint(1), "[::ffff:10.96.0.1]:80")
        #expect(try agent.ask("connect tcp 6 ::ffff:10.96.0.1 80") == "\(server) peer \(shown)")
        #expect(
            try agent.ask("connect udp 6 ::ffff:10.96.0.1 80")
                == "\(server) peer \(shown) from \(shown)"
        )
        try agent.ask("open one 6")
        #expect(try agent.ask("send one ::ffff:10.96.0.1 80") == "\(server) from \(shown)")
    }

    @Test(
        "Without endpoints connect fails at once; what may not be served here is left",
        arguments: IPFamily.allCases
    )
    func noEndpoints(_ family: IPFamily) throws {
        let fixture = try SocketFixture(family)
        let names = SocketNames(family: family)
        let agent = try fixture.agent(serving: [names.endpoint(1)])
        try fixture.add(names.node(1))
        let store = fixture.store()
        var state = SocketState()
        state.nodeAddresses = [names.node(1)]
        for transport in [TransportProtocol.tcp, .udp] {
            state.frontends[names.frontend(names.cluster(1), 80, transport)] = .refuse
            state.frontends[names.frontend(names.cluster(2), 80, transport)] = .leave
        }
        // A node port of that number is not looked up for an address that has the port itself.
        state.frontends[names.frontend(names.node(1), 30080)] = .leave
        state.add([names.frontend(nil, 30080)], group: 7, [names.endpoint(1)])
        try fixture.apply(state, through: store)
        #expect(try store.observe().state == state)
        let refused = SocketFeatures.canRefuse ? "ECONNREFUSED" : "ENETUNREACH"
        for kind in ["tcp", "udp"] {
            #expect(
                try agent.ask("connect \(kind) \(names.digit) \(names.cluster(1)) 80") == refused
            )
            #expect(
                try agent.ask("connect \(kind) \(names.digit) \(names.cluster(2)) 80")
                    == "ENETUNREACH"
            )
        }
        try agent.ask("open one \(names.digit)")
        #expect(try agent.ask("send one \(names.cluster(1)) 80") == refused)
        // Nobody listens there.
        #expect(
            try agent.ask("connect tcp \(names.digit) \(names.node(1)) 30080") == "ECONNREFUSED"
        )
        state.frontends[names.frontend(names.node(1), 30080)] = nil
        try fixture.apply(state, through: store)
        #expect(
            try agent.ask("connect tcp \(names.digit) \(names.node(1)) 30080").hasPrefix(
                "\(names.endpoint(1)) "
            )
        )
    }

    @Test("Processes of a cgroup that is left out, and below it, are left to the rules")
    func excluded() throws {
        let fixture = try SocketFixture()
        let names = SocketNames(family: .ipv4)
        let folders = ["/mesh-1", "/mesh-1/inner", "/other"].map { fixture.cgroup + $0 }
        for folder in folders { #expect(mkdir(folder, 0o755) == 0) }
        defer { for folder in folders.reversed() { rmdir(folder) } }
        let agent = try fixture.agent(serving: [names.endpoint(1)])
        let store = fixture.store()
        store.place.excludedCgroups = ["\(fixture.cgroup)/mesh-*", "\(fixture.cgroup)/missing"]
        var state = SocketState()
        for transport in [TransportProtocol.tcp, .udp] {
            let frontend = names.frontend(names.cluster(1), 80, transport)
            state.add([frontend], group: transport == .tcp ? 7 : 8, [names.endpoint(1)])
        }
        try fixture.apply(state, through: store)
        #expect(try store.use().excludedCgroups == 1)
        let (mesh, inner) = (
            try fixture.agent(below: "/mesh-1"), try fixture.agent(below: "/mesh-1/inner")
        )
        let other = try fixture.agent(below: "/other")
        for kind in ["tcp", "udp"] {
            let call = "connect \(kind) 4 \(names.cluster(1)) 80"
            for served in [agent, other] {
                #expect(try served.ask(call).hasPrefix("\(names.endpoint(1)) "))
            }
            for excluded in [mesh, inner] { #expect(try excluded.ask(call) == "ENETUNREACH") }
        }
        try mesh.ask("open one 4")
        #expect(try mesh.ask("send one \(names.cluster(1)) 80") == "ENETUNREACH")
        // One that comes later, and the end of the exclusion.
        let call = "connect tcp 4 \(names.cluster(1)) 80"
        store.place.excludedCgroups.append("\(fixture.cgroup)/o*")
        try store.performDueWork(expecting: state)
        #expect(try other.ask(call) == "ENETUNREACH")
        #expect(try store.use().excludedCgroups == 2)
        store.place.excludedCgroups = []
        try store.performDueWork(expecting: state)
        for served in [mesh, inner, other] {
            #expect(try served.ask(call).hasPrefix("\(names.endpoint(1)) "))
        }
        #expect(try store.use().excludedCgroups == 0)
        // The whole cgroup, by a store that finds programs attached.
        let next = fixture.store()
        next.place.excludedCgroups = [fixture.cgroup]
        #expect(try next.observe().state == state)
        try next.performDueWork(expecting: state)
        for excluded in [agent, mesh, inner, other] {
            #expect(try excluded.ask(call) == "ENETUNREACH")
        }
        // Another store that excludes nothing takes it over.
        let last = fixture.store()
        _ = try last.observe()
        try last.performDueWork(expecting: state)
        #expect(try agent.ask(call).hasPrefix("\(names.endpoint(1)) "))
    }

    @Test("More cgroups than there is room for are an error that says so")
    func tooManyExcluded() throws {
        let fixture = try SocketFixture()
        let folders = (1...3).map { "\(fixture.cgroup)/mesh-\($0)" }
        for folder in folders { #expect(mkdir(folder, 0o755) == 0) }
        defer { for folder in folders { rmdir(folder) } }
        var sizes = SocketMapSizes()
        sizes.excluded = 2
        let store = fixture.store(sizes: sizes)
        store.place.excludedCgroups = ["\(fixture.cgroup)/mesh-*"]
        let error = #expect(throws: DataplaneError.self) {
            try fixture.apply(SocketState(), through: store)
        }
        #expect(
            error?.message
                == "socketLB.excludeCgroups names 3 directories, and there is room for 2"
        )
    }

    @Test("Node ports answer at node addresses alone", arguments: IPFamily.allCases)
    func nodePorts(_ family: IPFamily) throws {
        let fixture = try SocketFixture(family)
        let names = SocketNames(family: family)
        let agent = try fixture.agent(serving: [names.endpoint(1)])
        for number in 1...2 { try fixture.add(names.node(number)) }
        let store = fixture.store()
        var state = SocketState()
        state.nodeAddresses = [names.node(1), names.loopback]
        let frontends = [TransportProtocol.tcp, .udp].map { names.frontend(nil, 30080, $0) }
        state.add(frontends, group: 7, [names.endpoint(1)])
        try fixture.apply(state, through: store)
        for address in [names.node(1), names.loopback] {
            for kind in ["tcp", "udp"] {
                let answer = try agent.ask("connect \(kind) \(names.digit) \(address) 30080")
                #expect(answer.hasPrefix("\(names.endpoint(1)) peer "), "\(address) \(kind)")
            }
        }
        #expect(
            try agent.ask("connect tcp \(names.digit) \(names.node(2)) 30080") == "ECONNREFUSED"
        )
        // A socket at a loopback address reaches no endpoint elsewhere.
        let bound = "connect tcp \(names.digit) \(names.loopback) 30080 \(names.loopback)"
        #expect(try agent.ask(bound) == "ECONNREFUSED")
    }

    @Test(
        "A pod is served if all are, but not at its own loopback addresses",
        arguments: [SocketPlace.Scope.node, .all]
    )
    func scope(_ scope: SocketPlace.Scope) throws {
        let fixture = try SocketFixture()
        let names = SocketNames(family: .ipv4)
        let store = fixture.store(scope: scope)
        var state = SocketState()
        state.nodeAddresses = [names.loopback, names.node(1)]
        // At a loopback address, as a new namespace has no other.
        let endpoint = SocketAddress(names.loopback, SocketNames.port(8001))
        let frontends = [names.frontend(names.cluster(1), 80), names.frontend(nil, 30080)]
        state.add(frontends, group: 7, [endpoint])
        try fixture.apply(state, through: store)
        let node = try fixture.agent()
        let pod = try fixture.agent(inNewNamespace: true)
        try Program.check([
            "nsenter", "-n", "-t", "\(pod.process)", "ip", "link", "set", "lo", "up",
        ])
        for agent in [node, pod] { try agent.ask("serve 127.0.0.1 8001") }
        #expect(try node.ask("connect tcp 4 10.96.0.1 80") == "\(endpoint) peer 10.96.0.1:80")
        #expect(try node.ask("connect tcp 4 127.0.0.1 30080") == "\(endpoint) peer 127.0.0.1:30080")
        let isServed = scope == .all
        #expect(
            try pod.ask("connect tcp 4 10.96.0.1 80")
                == (isServed ? "\(endpoint) peer 10.96.0.1:80" : "ENETUNREACH")
        )
        #expect(
            try pod.ask("connect tcp 4 192.0.2.1 30080")
                == (isServed ? "\(endpoint) peer 192.0.2.1:30080" : "ENETUNREACH")
        )
        #expect(try pod.ask("connect tcp 4 127.0.0.1 30080") == "ECONNREFUSED")
    }
}

@Suite("Socket programs: choice")
@KernelThread
struct SocketChoiceTests {
    private let names = SocketNames(family: .ipv4)

    private func name(_ answer: String) -> Substring { answer.prefix { $0 != " " } }

    @Test("A client keeps its endpoint as long as the group has it")
    func affinity() throws {
        let fixture = try SocketFixture()
        let endpoints = (1...4).map(names.endpoint)
        let agent = try fixture.agent(serving: endpoints)
        for number in 1...2 { try fixture.add(names.node(number)) }
        let store = fixture.store()
        var state = SocketState()
        state.add([names.frontend(names.cluster(1), 80)], group: 7, endpoints, affinity: 3600)
        try fixture.apply(state, through: store)
        #expect(try store.observe().state == state)
        let call = "connect tcp 4 10.96.0.1 80"
        let first = name(try agent.ask(call))
        #expect(try agent.ask(call, times: 20).count == 1)
        // Slots may be dealt anew.
        state.groups[7]?.slots = endpoints.reversed() + endpoints
        try fixture.apply(state, through: store)
        #expect(try Set(agent.ask(call, times: 20).keys.map(name)) == [first])
        // Clients with addresses of their own have affinities of their own.
        let bound = try (1...2).map { try agent.ask("\(call) 192.0.2.\($0)", times: 20) }
        #expect(bound.allSatisfy { $0.count == 1 })
        // An endpoint that is gone counts no longer.
        state.groups[7]?.slots = endpoints.filter { $0.description != first }
        try fixture.apply(state, through: store)
        let second = try agent.ask(call, times: 20)
        #expect(second.count == 1)
        #expect(second.keys.map(name) != [first])
        // Another process of the same namespace is the same client.
        let other = try fixture.agent()
        #expect(try other.ask(call, times: 5).keys.first == second.keys.first)
    }

    @Test("Affinity ends some time after the last connection")
    func affinityEnds() throws {
        let fixture = try SocketFixture()
        let endpoints = (1...4).map(names.endpoint)
        let agent = try fixture.agent(serving: endpoints)
        let store = fixture.store()
        var state = SocketState()
        // Shorter than any machine has run that comes here.
        state.add([names.frontend(names.cluster(1), 80)], group: 7, endpoints, affinity: 20)
        try fixture.apply(state, through: store)
        #expect(try agent.ask("connect tcp 4 10.96.0.1 80", times: 20).count == 1)
        // As if the connections were a minute ago.
        try store.ageAffinity(by: 60)
        let other = try agent.ask("connect tcp 4 10.96.0.1 80", times: 20)
        #expect(other.count == 1)
        var seen = Set(other.keys)
        // A client that chooses anew 100 times misses an endpoint of four once in 10^12 times.
        for _ in 0..<100 {
            try store.ageAffinity(by: 60)
            seen.insert(try agent.ask("connect tcp 4 10.96.0.1 80"))
        }
        #expect(seen.count == 4)
    }

    @Test("A hashed client has one endpoint, and clients are spread")
    func hashedClient() throws {
        let fixture = try SocketFixture()
        let endpoints = (1...4).map(names.endpoint)
        let agent = try fixture.agent(serving: endpoints)
        for number in 1...40 { try fixture.add(names.node(number)) }
        let store = fixture.store()
        var state = SocketState()
        state.add(
            [names.frontend(names.cluster(1), 80)],
            group: 7,
            endpoints,
            choice: .hashedClient
        )
        try fixture.apply(state, through: store)
        #expect(try store.observe().state == state)
        let call = "connect tcp 4 10.96.0.1 80"
        #expect(try agent.ask(call, times: 20).count == 1)
        let chosen = try (1...40).map { number in
            let answers = try agent.ask("\(call) 192.0.2.\(number)", times: 3)
            #expect(answers.count == 1)
            return answers.keys.first ?? ""
        }
        #expect(Set(chosen).count == 4)
    }
}
