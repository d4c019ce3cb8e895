import Addressing
import CBPF
import CSocketLB
import CSpawn
import DataplaneModel
import Glibc
import TestSupport
import Testing

@testable import SocketLB

@Suite("SocketStore")
@KernelThread
struct SocketStoreTests {
    private var names = SocketNames(family: .ipv4)
    private let call = "connect tcp 4 10.96.0.1 80"

    private func simple(_ endpoint: Int = 1) -> SocketState {
        var state = SocketState()
        state.add([names.frontend(names.cluster(1), 80)], group: 7, [names.endpoint(endpoint)])
        return state
    }

    /// Changes the state in many ways at once.
    private func random(_ generator: inout SplitMix64) -> SocketState {
        var state = SocketState()
        for number in 1...40 where Bool.random(using: &generator) {
            let count = Int.random(in: 1...6, using: &generator)
            let slots = (0..<count).map { _ in names.endpoint(.random(in: 1...9, using: &generator))
            }
            state.groups[UInt32(number)] = SocketGroup(
                choice: Bool.random(using: &generator) ? .random : .hashedClient,
                affinityTimeoutSeconds: Bool.random(using: &generator) ? 60 : nil,
                isForDatagrams: Bool.random(using: &generator),
                slots: slots
            )
        }
        for number in 1...60 where Bool.random(using: &generator) {
            let address = Bool.random(using: &generator) ? names.cluster(number) : nil
            let frontend = names.frontend(
                address,
                1000 + number,
                Bool.random(using: &generator) ? .tcp : .udp
            )
            let groups = state.groups.keys.sorted()
            state.frontends[frontend] =
                groups.randomElement(using: &generator).map { .group($0) } ?? .refuse
            if number % 10 == 0 { state.frontends[frontend] = .leave }
        }
        for number in 1...9 where Bool.random(using: &generator) {
            state.nodeAddresses.insert(names.node(number))
        }
        return state
    }

    @Test("What is applied is observed, over many changes", arguments: IPFamily.allCases)
    func roundTrip(_ family: IPFamily) throws {
        let fixture = try SocketFixture(family)
        var own = self
        own.names = SocketNames(family: family)
        let store = fixture.store()
        var generator = SplitMix64(seed: 7)
        var state = SocketState()
        state.isAttached = false
        #expect(try store.observe().state == state)
        for _ in 0..<30 {
            let next = own.random(&generator)
            let report = try store.apply(SocketDiff(from: state, to: next))
            #expect(report.failures.isEmpty)
            #expect(try store.observe().state == next)
            // Nothing is left beside it.
            #expect(store.strays.isEmpty)
            state = next
        }
        // Another process finds the same.
        let other = fixture.store()
        #expect(try other.observe().state == state)
    }

    @Test("The next process takes over, and no connection fails")
    func takeover() throws {
        let fixture = try SocketFixture()
        let agent = try fixture.agent(serving: [names.endpoint(1), names.endpoint(2)])
        try fixture.apply(simple(), through: fixture.store())
        try agent.ask("loop 10.96.0.1 80")
        for round in 0..<20 {
            let store = fixture.store()
            let observed = try store.observe().state
            // The round before left another scope.
            #expect(observed.isAttached == (round % 4 != 2))
            var wanted = simple(1 + round % 2)
            // A program of another version, a changed scope, larger maps.
            switch round % 4 {
            case 1: store.place.scope = .node
            case 2:
                var settings = try #require(store.maps).settings()
                settings.version += 1
                try #require(store.maps).set(settings)
            case 3:
                for number in 0..<5000 {
                    wanted.frontends[names.frontend(names.pod(1), 10_000 + number)] = .leave
                }
            default: break
            }
            try fixture.apply(wanted, through: store)
            #expect(try store.observe().state == wanted)
        }
        let ended = try agent.ask("end").split(separator: " ")
        #expect(ended.count == 1, "\(ended.prefix(5))")
        #expect(try Int(#require(ended.first)) ?? 0 > 100)
        #expect(try agent.ask(call).hasPrefix("10.244.0.2:8002 "))
    }

    @Test("A takeover that fails half way is not taken for whole")
    func halfTakeover() throws {
        let fixture = try SocketFixture()
        let first = fixture.store()
        try fixture.apply(simple(), through: first)
        let store = fixture.store()
        var seen = try store.observe().state
        seen.isAttached = false
        // The last program cannot be pinned.
        let last = try #require(SocketHook.all(.ipv4, first.place.transports).last)
        let pin = first.pins.program(of: last)
        try #require(unlink(pin) == 0 && mkdir(pin, 0o700) == 0)
        #expect(throws: DataplaneError.self) {
            try store.apply(SocketDiff(from: seen, to: simple()))
        }
        #expect(try #require(store.maps).settings().version == 0)
        try #require(rmdir(pin) == 0)
        seen = try fixture.store().observe().state
        #expect(!seen.isAttached)
        try fixture.apply(simple(), through: fixture.store())
        #expect(try fixture.store().observe().state == simple())
    }

    @Test("Maps of another layout stay in use until new ones are filled")
    func otherLayout() throws {
        let fixture = try SocketFixture()
        let agent = try fixture.agent(serving: [names.endpoint(1)])
        let first = fixture.store()
        try fixture.apply(simple(), through: first)
        var settings = try #require(first.maps).settings()
        settings.layout += 1
        try #require(first.maps).set(settings)
        try agent.ask("loop 10.96.0.1 80")
        let store = fixture.store()
        let observed = try store.observe().state
        #expect(observed.frontends.isEmpty && !observed.isAttached)
        try fixture.apply(simple(), through: store)
        #expect(try store.observe().state == simple())
        #expect(try agent.ask("end").split(separator: " ").count == 1)
    }

    @Test("Endpoints change a thousand times under load, and no connection fails")
    func changesUnderLoad() throws {
        let fixture = try SocketFixture()
        let endpoints = (1...4).map(names.endpoint)
        let agent = try fixture.agent(serving: endpoints)
        let store = fixture.store()
        var state = simple()
        try fixture.apply(state, through: store)
        try agent.ask("loop 10.96.0.1 80")
        var generator = SplitMix64(seed: 3)
        for _ in 0..<1000 {
            var next = state
            let count = Int.random(in: 1...8, using: &generator)
            next.groups[7]?.slots = (0..<count).map { _ in
                endpoints[Int.random(in: 0..<4, using: &generator)]
            }
            _ = try store.apply(SocketDiff(from: state, to: next))
            state = next
        }
        #expect(try store.observe().state == state)
        let ended = try agent.ask("end").split(separator: " ")
        #expect(ended.count == 1, "\(ended.prefix(5))")
    }

    @Test("Groups that exchange their numbers never serve each other's clients")
    func movedNumbers() throws {
        let fixture = try SocketFixture()
        let agent = try fixture.agent(serving: [names.endpoint(1), names.endpoint(2)])
        let store = fixture.store()
        // The second Service's endpoint is gone, so that what reaches it in error fails.
        let none = SocketAddress(names.pod(9), SocketNames.port(9))
        func state(_ first: UInt32, _ second: UInt32) -> SocketState {
            var state = SocketState()
            state.add([names.frontend(names.cluster(1), 80)], group: first, [names.endpoint(1)])
            state.add([names.frontend(names.cluster(2), 80)], group: second, [none, none])
            return state
        }
        try Program.check(["ip", "addr", "add", "10.244.0.9/32", "dev", "lo"])
        // What is left to the packet rules meanwhile arrives there.
        try Program.check(["ip", "addr", "add", "10.96.0.1/32", "dev", "lo"])
        try agent.ask("serve 10.96.0.1 80")
        try fixture.apply(state(7, 8), through: store)
        try agent.ask("loop 10.96.0.1 80")
        for round in 0..<40 {
            let next = round % 2 == 0 ? state(8, 7) : state(7, 8)
            try fixture.apply(next, through: store)
            #expect(try store.observe().state == next)
        }
        let ended = try agent.ask("end").split(separator: " ")
        #expect(ended.count == 1, "\(ended.prefix(5))")
    }

    @Test("A program that is detached is noticed and attached again")
    func detached() throws {
        let fixture = try SocketFixture()
        let agent = try fixture.agent(serving: [names.endpoint(1)])
        let store = fixture.store()
        try fixture.apply(simple(), through: store)
        let observed = try store.observe()
        #expect(try store.changes(since: observed.mark) == .none)
        try Program.check([
            "bpftool", "link", "detach", "pinned", "\(fixture.directory)/ipv4/links/fl_connect4",
        ])
        #expect(try agent.ask(call) == "ENETUNREACH")
        #expect(try store.changes(since: observed.mark) == .certain)
        // The answer for a mark stays.
        #expect(try store.changes(since: observed.mark) == .certain)
        let second = try store.observe()
        #expect(!second.state.isAttached)
        #expect(try store.apply(SocketDiff(from: second.state, to: simple())).operations == 1)
        #expect(try agent.ask(call).hasPrefix("10.244.0.1:8001 "))
        #expect(try store.changes(since: second.mark) == .none)
        #expect(try store.observe().state == simple())
    }

    @Test("Without its cgroup it is read all the same, and attaching says what is missing")
    func withoutCgroup() throws {
        let fixture = try SocketFixture()
        let store = fixture.store()
        _ = try store.observe()
        #expect(store.isDetached)
        try fixture.apply(simple(), through: store)
        _ = try store.observe()
        #expect(!store.isDetached)
        #expect(rmdir(fixture.cgroup) == 0)
        let other = fixture.store()
        var seen = try other.observe().state
        #expect(other.isDetached && !seen.isAttached)
        seen.isAttached = true
        #expect(seen == simple())
        let error = #expect(throws: DataplaneError.self) {
            try fixture.apply(simple(2), through: other)
        }
        #expect(error?.subject == fixture.cgroup && error?.errno == ENOENT)
        // What is attached elsewhere has no endpoint that is gone.
        #expect(try fixture.store().observe().state.groups == simple(2).groups)
    }

    @Test("Pins that are removed are noticed and made again")
    func unpinned() throws {
        let fixture = try SocketFixture()
        let agent = try fixture.agent(serving: [names.endpoint(1)])
        let store = fixture.store()
        for path in ["links/fl_connect4", "programs/fl_connect4", "maps/slots", "maps/peers"] {
            try fixture.apply(simple(), through: store)
            let mark = try store.observe().mark
            let attachment = try store.attachment().links
            #expect(unlink("\(fixture.directory)/ipv4/\(path)") == 0)
            if !path.hasPrefix("programs") {
                #expect(try store.changes(since: mark) == .certain)
            }
            #expect(try !store.observe().state.isAttached)
            try fixture.apply(simple(), through: store)
            #expect(try store.observe().state == simple())
            #expect(try agent.ask(call).hasPrefix("10.244.0.1:8001 "))
            // The same attachments: of two at one call, the second would forget what the first remembers.
            let links = try store.attachment().links.mapValues(\.id)
            #expect(links == attachment.mapValues(\.id), "\(path)")
        }
        let use = try store.use()
        #expect(use.attached == Set(use.attached).sorted())
        #expect(use.foreign.isEmpty, "\(use.foreign)")
    }

    @Test("Programs of the other family are no strangers while nothing is pinned")
    func unpinnedFamilies() throws {
        let fixture = try SocketFixture()
        let stores = IPFamily.allCases.map { SocketStore(family: $0, place: fixture.store().place) }
        for store in stores {
            let empty = try store.observe().state
            _ = try store.apply(SocketDiff(from: empty, to: SocketState()))
        }
        try Program.check(["rm", "-r", "\(fixture.directory)/ipv4", "\(fixture.directory)/ipv6"])
        for store in stores {
            #expect(try store.use().foreign == [])
            let empty = try store.observe().state
            #expect(try store.use().foreign == [])
            // The pins of the family that comes first are there again before those of the other.
            _ = try store.apply(SocketDiff(from: empty, to: SocketState()))
            #expect(try store.use().foreign == [])
        }
    }

    @Test(
        "A lost pin costs nothing that sockets remember, as far as others are there",
        arguments: SocketMapName.allCases
    )
    func lostPin(_ name: SocketMapName) throws {
        let fixture = try SocketFixture()
        let agent = try fixture.agent(serving: [names.endpoint(1)])
        let first = fixture.store()
        var state = simple()
        state.add([names.frontend(names.cluster(1), 53, .udp)], group: 8, [names.endpoint(1)])
        try fixture.apply(state, through: first)
        try agent.ask("open-connected one udp 4 10.96.0.1 53")
        func sockets(_ store: SocketStore) throws -> Int? {
            try store.use().maps.first { $0.name == "udp_sockets" }?.entries
        }
        #expect(try sockets(first) == 1)
        // In the process that made it nothing is lost.
        let pin = first.pins.pin(of: name)
        #expect(unlink(pin) == 0)
        try fixture.apply(state, through: first)
        #expect(access(pin, F_OK) == 0)
        #expect(try first.observe().state == state)
        #expect(try sockets(first) == 1)
        #expect(try agent.ask("send one").contains(" peer 10.96.0.1:53 "))
        // In the next one, only what was in that map.
        #expect(unlink(pin) == 0)
        let next = fixture.store()
        try fixture.apply(state, through: next)
        #expect(try next.observe().state == state)
        // Without settings it does not show how the others are laid out.
        let isKept = name != .settings && name != .udpSockets
        #expect(try sockets(next) == (isKept ? 1 : 0))
        #expect(try agent.ask("send one").contains(" peer 10.96.0.1:53 ") == isKept)
        try agent.ask("close one")
        #expect(try sockets(next) == 0)
    }

    @Test("Entries that another program changes are found, some at each look")
    func changedEntries() throws {
        let fixture = try SocketFixture()
        let store = fixture.store()
        var state = simple()
        for number in 0..<100 {
            state.add(
                [names.frontend(names.cluster(2), 1000 + number)],
                group: UInt32(100 + number),
                [names.endpoint(2)]
            )
        }
        try fixture.apply(state, through: store)
        let mark = try store.observe().mark
        for _ in 0..<8 { try store.performDueWork(expecting: state) }
        #expect(try store.changes(since: mark) == .none)
        let slots = try #require(store.maps).the(.slots)
        let key = lb_slot(group: 150, slot: 0)
        #expect(slots.set((keys: [key], values: [lb_endpoint(names.endpoint(9))])).isEmpty)
        for _ in 0..<4 { try store.performDueWork(expecting: state) }
        #expect(try store.changes(since: mark) == .certain)
        #expect(try store.observe().state != state)
        try fixture.apply(state, through: store)
        #expect(try store.observe().state == state)
    }

    @Test("What belongs to nothing is removed")
    func strays() throws {
        let fixture = try SocketFixture()
        let store = fixture.store()
        try fixture.apply(simple(), through: store)
        let maps = try #require(store.maps)
        let endpoint = lb_endpoint(names.endpoint(3))
        #expect(
            try maps.the(.slots).set(
                (
                    keys: [lb_slot(group: 7, slot: 1), lb_slot(group: 50, slot: 0)],
                    values: [endpoint, endpoint]
                )
            ).isEmpty
        )
        #expect(
            try maps.the(.members).set(
                (keys: [lb_member(group: 50, endpoint: endpoint)], values: [UInt32(0)])
            )
            .isEmpty
        )
        // A group without its second slot is no group.
        #expect(
            try maps.the(.groups).set(
                (
                    keys: [UInt32(60)],
                    values: [
                        lb_group(slots: 2, choice: 0, affinity_seconds: 0, is_for_datagrams: 0)
                    ]
                )
            ).isEmpty
        )
        #expect(
            try maps.the(.addresses).set(
                (keys: [lb_address(words: (1, 2, 3, 4))], values: [UInt32(0)])
            ).isEmpty
        )
        #expect(try store.observe().state == simple())
        #expect(!store.strays.isEmpty)
        try store.performDueWork(expecting: simple())
        #expect(try store.observe().state == simple())
        #expect(store.strays.isEmpty)
    }

    @Test("A full map is one failure, and what does not fit is left to the packet rules")
    func fullMap() throws {
        let fixture = try SocketFixture()
        let agent = try fixture.agent(serving: [names.endpoint(1)])
        var sizes = SocketMapSizes()
        sizes.limit = 64
        let store = fixture.store(sizes: sizes)
        var state = SocketState()
        for number in 1...50 {
            let frontend = names.frontend(names.cluster(number), 80)
            state.add([frontend], group: UInt32(number), [names.endpoint(1), names.endpoint(1)])
        }
        let report = try fixture.apply(state, through: store)
        #expect(report.failures.count == 1)
        let failure = try #require(report.failures.first)
        #expect(failure.errno == E2BIG)
        #expect(failure.subject == "IPv4 socket-level map slots")
        #expect(failure.message?.hasPrefix("full with 64 entries") == true)
        let observed = try store.observe().state
        #expect(observed.frontends == state.frontends)
        #expect(observed.groups.count < 50 && observed.groups.count > 16)
        #expect(store.strays.isEmpty)
        for number in 1...50 {
            let answer = try agent.ask("connect tcp 4 10.96.0.\(number) 80")
            let isServed = observed.groups[UInt32(number)] != nil
            #expect(
                answer == (isServed ? "10.244.0.1:8001 peer 10.96.0.\(number):80" : "ENETUNREACH")
            )
        }
        // There is room again once others go.
        for number in 1...30 {
            state.frontends[names.frontend(names.cluster(number), 80)] = nil
            state.groups[UInt32(number)] = nil
        }
        _ = try fixture.apply(state, through: store)
        let second = try fixture.apply(state, through: store)
        #expect(second.failures.isEmpty)
        #expect(try store.observe().state == state)
    }

    @Test("Maps grow, and what is remembered of sockets and clients stays")
    func growth() throws {
        let fixture = try SocketFixture()
        let agent = try fixture.agent(serving: (1...4).map(names.endpoint))
        let store = fixture.store()
        var state = SocketState()
        state.add(
            [names.frontend(names.cluster(1), 80)],
            group: 7,
            (1...4).map(names.endpoint),
            affinity: 3600
        )
        state.add(
            [names.frontend(names.cluster(1), 53, .udp)],
            group: 8,
            (1...4).map(names.endpoint)
        )
        try fixture.apply(state, through: store)
        let before = try agent.ask(call)
        try agent.ask("open one 4")
        let answer = try agent.ask("send one 10.96.0.1 53")
        var grown = state
        for number in 0..<20_000 {
            grown.frontends[names.frontend(names.cluster(2), 10_000 + number)] = .leave
        }
        #expect(try store.apply(SocketDiff(from: state, to: grown)).failures.isEmpty)
        #expect(try store.observe().state == grown)
        let frontends = try #require(store.use().maps.first { $0.name == "frontends" })
        #expect(frontends.entries == 20_002)
        #expect(frontends.capacity > 20_002)
        #expect(try agent.ask(call, times: 20) == [before: 20])
        #expect(try agent.ask("send one 10.96.0.1 53") == answer)
    }

    @Test("A pass that has read the maps does not read them again to make larger ones")
    func readOnce() throws {
        let fixture = try SocketFixture()
        let store = fixture.store()
        try fixture.apply(simple(), through: store)
        var grown = simple()
        for number in 0..<5000 {
            grown.frontends[names.frontend(names.cluster(2), 10_000 + number)] = .leave
        }
        let diff = SocketDiff(from: try store.observe().state, to: grown)
        // Of another program, after the look: only a second one would see it and take it over.
        let foreign = lb_frontend(names.frontend(names.cluster(3), 80))
        let frontends = try #require(store.maps).the(.frontends)
        #expect(frontends.set((keys: [foreign], values: [lb_action(.refuse)])).isEmpty)
        _ = try store.apply(diff)
        #expect(try store.observe().state == grown)
    }

    @Test("Everything is removed, and what is others' stays")
    func removal() throws {
        let fixture = try SocketFixture()
        let agent = try fixture.agent(serving: [names.endpoint(1)])
        let store = fixture.store()
        #expect(try SocketStore.pinned(directory: fixture.directory) == [])
        #expect(try SocketStore.removeAll(directory: fixture.directory) == 0)
        try fixture.apply(simple(), through: store)
        let pinned = try SocketStore.pinned(directory: fixture.directory)
        #expect(pinned.count == 8 + 8 + SocketMapName.allCases.count)
        #expect(pinned.contains("ipv4/links/fl_connect4") && pinned.contains("ipv4/maps/frontends"))
        #expect(try SocketStore.removeAll(directory: fixture.directory) == pinned.count)
        #expect(access(fixture.directory, F_OK) != 0)
        // Not even the open store keeps a program attached.
        #expect(try agent.ask(call) == "ENETUNREACH")
        #expect(try store.changes(since: ChangeMark()) == .certain)
        try fixture.apply(simple(), through: store)
        #expect(try agent.ask(call).hasPrefix("10.244.0.1:8001 "))
    }

    @Test(
        "A directory that another process writes into is refused; one that may not be read is empty"
    )
    func directories() throws {
        let fixture = try SocketFixture()
        let agent = try fixture.agent()
        let store = fixture.store()
        #expect(mkdir(fixture.directory, 0o700) == 0)
        #expect(try agent.ask("lock \(fixture.directory)") == "locked")
        let error = #expect(throws: DataplaneError.self) {
            try fixture.apply(simple(), through: store)
        }
        #expect(error?.kind == .busy && error?.subject == fixture.directory)
        #expect(try SocketStore.pinned(directory: fixture.directory).isEmpty)
        #expect(try agent.ask("unlock \(fixture.directory)") == "unlocked")
        try fixture.apply(simple(), through: store)
        #expect(try agent.ask("lock \(fixture.directory)") == "EAGAIN")
        // As a daemon without root, which pins nothing: the directory above is root's alone.
        setfsuid(65534)
        let seen = Result { () throws(DataplaneError) in
            try SocketStore.removeOwn(directory: fixture.directory)
        }
        setfsuid(0)
        #expect(try seen.get() == 0)
        #expect(try store.observe().state == simple())
        // Another network namespace's stays.
        var settings = try #require(store.maps).settings()
        settings.node_namespace += 1
        try #require(store.maps).set(settings)
        #expect(try SocketStore.removeOwn(directory: fixture.directory) == nil)
        settings.node_namespace -= 1
        try #require(store.maps).set(settings)
        #expect(try SocketStore.removeOwn(directory: fixture.directory) ?? 0 > 0)
    }

    @Test("Another program at the same call is reported, and goes on")
    func foreign() throws {
        let fixture = try SocketFixture()
        let other = SocketStore(
            family: .ipv4,
            place: SocketPlace(
                cgroup: fixture.cgroup,
                directory: "\(fixture.directory)-other",
                scope: .all
            )
        )
        try fixture.apply(simple(), through: other)
        let store = fixture.store()
        try fixture.apply(simple(2), through: store)
        let use = try store.use()
        #expect(use.foreign.count == 4)
        #expect(
            use.foreign.first?.hasPrefix("connect4: fl_connect4 (id ") == true,
            "\(use.foreign)"
        )
        #expect(use.attached.count == 8)
        try SocketStore.removeAll(directory: "\(fixture.directory)-other")
        #expect(try store.use().foreign.isEmpty)
    }

    /// Attaches a program as the tools of others do.
    private func attachForeign(
        _ fixture: SocketFixture,
        at cgroup: String,
        _ flag: String...
    ) throws -> String {
        let place = "\(fixture.cgroup)/elsewhere"
        let directory = "\(fixture.directory)-other"
        if mkdir(place, 0o755) == 0 {
            let other = SocketStore(
                family: .ipv4,
                place: SocketPlace(cgroup: place, directory: directory, scope: .all)
            )
            try fixture.apply(simple(), through: other)
        }
        let pin = "\(directory)/ipv4/programs/fl_connect4"
        try Program.check(
            ["bpftool", "cgroup", "attach", cgroup, "connect4", "pinned", pin] + flag
        )
        return pin
    }

    @Test("A program that lets no other one beside it is named, with its cgroup and the cure")
    func exclusive() throws {
        let fixture = try SocketFixture()
        let inner = "\(fixture.cgroup)/inner"
        #expect(mkdir(inner, 0o755) == 0)
        defer {
            _ = try? SocketStore.removeAll(directory: "\(fixture.directory)-other")
            rmdir(inner)
            rmdir("\(fixture.cgroup)/elsewhere")
        }
        for (attached, wanted) in [(inner, inner), (fixture.cgroup, inner)] {
            let store = fixture.store()
            store.place.cgroup = wanted
            let pin = try attachForeign(fixture, at: attached)
            let error = #expect(throws: DataplaneError.self) {
                try fixture.apply(simple(), through: store)
            }
            #expect(error?.subject == attached && error?.errno == EPERM && error?.kind == .other)
            let message = error?.message ?? ""
            #expect(message.hasPrefix("program fl_connect4, id "), "\(message)")
            let cure = "(bpftool cgroup detach \(attached) connect4 id "
            #expect(message.contains("without BPF_F_ALLOW_MULTI") && message.contains(cure))
            // Nothing is attached in part.
            #expect(try store.use().attached.isEmpty)
            try Program.check(["bpftool", "cgroup", "detach", attached, "connect4", "pinned", pin])
            try fixture.apply(simple(), through: store)
            #expect(try store.observe().state == simple())
            try SocketStore.removeAll(directory: fixture.directory)
        }
        // One that lets those below replace it is no obstacle.
        _ = try attachForeign(fixture, at: fixture.cgroup, "override")
        let store = fixture.store()
        store.place.cgroup = inner
        try fixture.apply(simple(), through: store)
        #expect(try store.observe().state == simple())
    }

    @Test("A move to a cgroup where nothing may be attached leaves all where it was")
    func blockedMove() throws {
        let fixture = try SocketFixture()
        let agent = try fixture.agent(serving: [names.endpoint(1)])
        try fixture.apply(simple(), through: fixture.store())
        let inner = "\(fixture.cgroup)/inner"
        #expect(mkdir(inner, 0o755) == 0)
        defer {
            _ = try? SocketStore.removeAll(directory: "\(fixture.directory)-other")
            rmdir(inner)
            rmdir("\(fixture.cgroup)/elsewhere")
        }
        _ = try attachForeign(fixture, at: inner)
        let store = fixture.store()
        store.place.cgroup = inner
        let error = #expect(throws: DataplaneError.self) {
            try fixture.apply(simple(), through: store)
        }
        #expect(error?.subject == inner && error?.kind == .other)
        #expect(try agent.ask(call).hasPrefix("10.244.0.1:8001 peer 10.96.0.1:80"))
    }

    @Test("What cannot be found out does not hide what is attached")
    func unknownUse() throws {
        let fixture = try SocketFixture()
        let store = fixture.store()
        try fixture.apply(simple(), through: store)
        let known = try store.use()
        #expect(known.failure == nil && known.attached.count == 8)
        store.place.cgroup += "-gone"
        let use = try store.use()
        #expect(use.attached == known.attached)
        #expect(use.maps == known.maps)
        #expect(use.failure?.contains("-gone: open failed") == true)
    }

    @Test("What another daemon that runs has pinned is not removed by one without a socket level")
    func othersStay() throws {
        let fixture = try SocketFixture()
        let agent = try fixture.agent()
        let maps = "\(fixture.directory)/ipv4/maps"
        for folder in [fixture.directory, "\(fixture.directory)/ipv4", maps] {
            #expect(mkdir(folder, 0o700) == 0)
        }
        try Program.check([
            "bpftool", "map", "create", "\(maps)/frontends", "type", "array", "key", "4",
            "value", "4", "entries", "1", "name", "frontends",
        ])
        #expect(try agent.ask("lock \(fixture.directory)") == "locked")
        #expect(try SocketStore.removeOwn(directory: fixture.directory) == nil)
        #expect(try SocketStore.pinned(directory: fixture.directory) == ["ipv4/maps/frontends"])
        #expect(try agent.ask("unlock \(fixture.directory)") == "unlocked")
        #expect(try SocketStore.removeOwn(directory: fixture.directory) == 1)
    }

    @Test("Without the number of its network namespace a daemon serves in the first one alone")
    func noCookie() throws {
        #expect(try NodeNamespace.cookie(told: 7, isFirst: false) == 7)
        #expect(try NodeNamespace.cookie(told: nil, isFirst: true) == 0)
        let error = #expect(throws: DataplaneError.self) {
            try NodeNamespace.cookie(told: nil, isFirst: false)
        }
        #expect(error?.kind == .unsupported)
        #expect(error?.message?.hasSuffix("needs Linux 5.14") == true)
        let fixture = try SocketFixture()
        #expect(!NodeNamespace.isFirst)
        withExtendedLifetime(fixture) {}
    }

    @Test("Where nothing above the directory may be written, programs come and go all the same")
    func readOnlyAbove() throws {
        let fixture = try SocketFixture()
        let directory = fixture.directory
        let above = String(directory.dropLast("/fairlead".count))
        func remount(_ flags: Int = 0) {
            let flags = UInt(MS_BIND) | UInt(MS_REMOUNT) | UInt(flags)
            #expect(mount("none", above, "none", flags, nil) == 0)
        }
        defer { umount2(directory, Int32(MNT_DETACH)) }
        // As systemd has it for a service with ReadWritePaths= below a read-only path.
        #expect(mkdir(directory, 0o700) == 0)
        #expect(mount(directory, directory, "none", UInt(MS_BIND), nil) == 0)
        remount(Int(MS_RDONLY))
        let store = fixture.store()
        try fixture.apply(simple(), through: store)
        #expect(try store.observe().state == simple())
        #expect(try SocketStore.removeAll(directory: directory) > 0)
        #expect(try SocketStore.pinned(directory: directory).isEmpty)
        // Removed by another process, it cannot be made again.
        umount2(directory, Int32(MNT_DETACH))
        remount()
        #expect(rmdir(directory) == 0)
        remount(Int(MS_RDONLY))
        let error = #expect(throws: DataplaneError.self) {
            try fixture.apply(simple(), through: fixture.store())
        }
        #expect(error?.kind == .unsupported && error?.errno == EROFS)
        #expect(error?.message?.hasPrefix("read-only for this process; ") == true)
        remount()
    }

    @Test("A move to another cgroup ends the former attachment first, and no two are ever there")
    func otherCgroup() throws {
        let fixture = try SocketFixture()
        let agent = try fixture.agent(serving: [names.endpoint(1)])
        try fixture.apply(simple(), through: fixture.store())
        let inner = "\(fixture.cgroup)/inner"
        #expect(mkdir(inner, 0o755) == 0)
        defer { rmdir(inner) }
        let store = fixture.store()
        store.place.cgroup = inner
        #expect(try !store.observe().state.isAttached)
        try fixture.apply(simple(), through: store)
        #expect(try store.observe().state == simple())
        #expect(try agent.ask(call) == "ENETUNREACH")
        #expect(try store.use().cgroup == inner)
    }

    @Test("Places that cannot be used are refused with the reason")
    func badPlaces() throws {
        let fixture = try SocketFixture()
        func error(_ change: (inout SocketPlace) -> Void) throws -> DataplaneError {
            let store = fixture.store()
            change(&store.place)
            let error = #expect(throws: DataplaneError.self) {
                try fixture.apply(simple(), through: store)
            }
            return try #require(error)
        }
        let noCgroup = try error { $0.cgroup = TestDirectory.path }
        #expect(noCgroup.message == "not a directory of cgroup v2")
        let missing = try error { $0.cgroup += "-missing" }
        #expect(missing.kind == .notFound)
        let noBPF = try error { $0.directory = "\(TestDirectory.path)/plain" }
        #expect(noBPF.message == "not on a bpf file system; mount -t bpf bpf /sys/fs/bpf")
        #expect(mkdir(fixture.directory, 0o700) == 0 || errno == EEXIST)
        #expect(chmod(fixture.directory, 0o777) == 0)
        let open = try error { _ in }
        #expect(open.message?.hasPrefix("no directory that only its owner can change") == true)
        rmdir("\(TestDirectory.path)/plain")
    }

    @Test("What is no cgroup, or cannot be Fairlead's directory, is found before anything is tried")
    func checkedPlaces() throws {
        let fixture = try SocketFixture()
        try SocketFeatures.checkCgroup(fixture.cgroup)
        for other in ["\(fixture.cgroup)/cgroup.procs", TestDirectory.path, "/no"] {
            #expect(throws: DataplaneError.self) { try SocketFeatures.checkCgroup(other) }
        }
        #expect(ExcludedCgroups.numbers(["\(fixture.cgroup)/cgroup.procs"]).isEmpty)
        #expect(ExcludedCgroups.numbers([fixture.cgroup]).count == 1)
        try SocketFeatures.checkDirectory(fixture.directory)
        try fixture.apply(simple(), through: fixture.store())
        try SocketFeatures.checkDirectory(fixture.directory)
        #expect(throws: DataplaneError.self) {
            try SocketFeatures.checkDirectory(TestDirectory.path)
        }
        // As the root of a bpf file system is without options.
        #expect(chmod(fixture.directory, 0o1777) == 0)
        let checked = #expect(throws: DataplaneError.self) {
            try SocketFeatures.checkDirectory(fixture.directory)
        }
        let removed = #expect(throws: DataplaneError.self) {
            try SocketStore.removeOwn(directory: fixture.directory)
        }
        #expect(checked?.kind == .invalid && removed?.kind == .invalid)
        #expect(try !SocketStore.pinned(directory: fixture.directory).isEmpty)
    }

    @Test("What others pinned beside Fairlead's objects stays, with its directories")
    func othersPins() throws {
        let fixture = try SocketFixture()
        try fixture.apply(simple(), through: fixture.store())
        let own = try SocketStore.pinned(directory: fixture.directory)
        let other = "\(fixture.directory)/ipv4/maps/other"
        try Program.check([
            "bpftool", "map", "create", other, "type", "array", "key", "4", "value", "4",
            "entries", "1", "name", "other",
        ])
        // Half a pin that a crash left is Fairlead's.
        let half = "\(fixture.directory)/ipv4/maps/slots-new"
        try Program.check([
            "bpftool", "map", "create", half, "type", "array", "key", "4", "value", "4",
            "entries", "1", "name", "half",
        ])
        #expect(try SocketStore.pinned(directory: fixture.directory).count == own.count + 1)
        #expect(try SocketStore.removeOwn(directory: fixture.directory) == own.count + 1)
        #expect(access(other, F_OK) == 0)
        #expect(access(half, F_OK) != 0)
        #expect(access("\(fixture.directory)/ipv4/links", F_OK) != 0)
        #expect(try SocketStore.removeOwn(directory: fixture.directory) == 0)
        #expect(unlink(other) == 0)
    }
}
