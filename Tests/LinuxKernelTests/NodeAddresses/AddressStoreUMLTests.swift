import Addressing
import DataplaneModel
import Glibc
import HostFacts
import Netlink
import NodeAddresses
import SystemCalls
import Testing

/// What needs dummy links, which not every kernel has; User-mode Linux has them.
@Suite("AddressStore in UML", .enabled(if: isUML))
@KernelThread
struct AddressStoreUMLTests {
    @Test("Addresses are this host's own as long as they are bound", arguments: IPFamily.allCases)
    func addresses(_ family: IPFamily) throws {
        let fixture = try AddressFixture(family)
        let all = (1...3).map { fixture.address($0) }
        let wanted = AddressBinding(addresses: Set(all))
        #expect(try !fixture.isLocal(all[0]))
        #expect(try fixture.apply(wanted) == ApplyReport(operations: 3))
        #expect(try fixture.store.observe() == wanted)
        #expect(try fixture.isLocal(all[0]))
        let less = AddressBinding(addresses: Set(all.dropFirst()))
        #expect(try fixture.apply(less) == ApplyReport(operations: 1))
        #expect(try fixture.store.observe() == less)
        #expect(try !fixture.isLocal(all[0]))
        // Stale changes do no harm.
        let changes = AddressChange.changes(from: wanted, to: less)
        #expect(try fixture.store.remove(changes).failures.isEmpty)
        #expect(try fixture.store.make(less.addresses.map { .add($0) }).failures.isEmpty)
        #expect(try fixture.store.observe() == less)
    }

    @Test("Nothing is on the link but what was asked for", arguments: IPFamily.allCases)
    func nothingElse(_ family: IPFamily) throws {
        let fixture = try AddressFixture(family)
        try fixture.apply(AddressBinding(addresses: [fixture.address(1)]))
        let shown = try Program.check(["ip", "-d", "-o", "addr", "show", "fairlead0"])
            .split(separator: "\n").map(String.init)
        let assigned = shown.filter { $0.contains(" inet") }
        #expect(assigned.count == 1)
        #expect(assigned.first?.contains(" \(fixture.address(1))/\(family.bitWidth) ") == true)
        #expect(assigned.first?.contains("noprefixroute") == true)
        #expect(assigned.first?.contains("tentative") == false)
        let routes = try fixture.ip("route", "show", "dev", "fairlead0")
        #expect(routes.isEmpty)
        let link = try Program.check(["ip", "-d", "link", "show", "fairlead0"])
        #expect(link.contains("NOARP,UP"))
        #expect(link.contains("addrgenmode none"))
    }

    @Test("The host does not speak from a bound address", arguments: IPFamily.allCases)
    func sourceAddress(_ family: IPFamily) throws {
        let fixture = try AddressFixture(family)
        // Closer to the target than the own address, and on a link that was there before.
        let bound = fixture.address(0x6_0002)
        try fixture.apply(AddressBinding(addresses: [bound]))
        // As on a host whose outgoing interface has no address.
        let own = fixture.address(0x5_0001)
        let target = fixture.address(0x6_0001)
        for link in ["own", "out"] {
            try Program.check(["ip", "link", "add", link, "type", "dummy"])
            try Program.check(["ip", "link", "set", link, "up"])
        }
        try fixture.ip("addr", "add", "\(own)/\(family.bitWidth)", "dev", "own")
        try fixture.ip("route", "add", "\(target)", "dev", "out")
        #expect(try fixture.ip("route", "get", "\(target)").contains(" src \(own) "))
        #expect(try fixture.ip("route", "get", "\(bound)").contains(" src \(bound) "))
    }

    @Test("The link stays while either family has an address on it")
    func link() throws {
        let fixture = try AddressFixture(.ipv4)
        let (ipv4, ipv6) = (fixture.store, AddressStore(family: .ipv6))
        let other = try #require(IPAddress("fd00::1"))
        #expect(try !ipv4.removeLinkIfUnused())
        #expect(try ipv4.make([.add(fixture.address(1))]).failures.isEmpty)
        #expect(try ipv6.make([.add(other)]).failures.isEmpty)
        #expect(try ipv6.observe().addresses == [other])
        #expect(try ipv4.observe().addresses == [fixture.address(1)])
        #expect(try !ipv4.removeLinkIfUnused())
        #expect(try ipv4.remove([.remove(fixture.address(1))]).failures.isEmpty)
        #expect(try !ipv4.removeLinkIfUnused())
        #expect(try ipv6.remove([.remove(other)]).failures.isEmpty)
        #expect(try ipv6.removeLinkIfUnused())
        #expect(try Program.run(["ip", "link", "show", "fairlead0"]).status != 0)
    }

    @Test("A link that was set down counts for nothing, and is set up again")
    func down() throws {
        let fixture = try AddressFixture(.ipv4)
        let wanted = AddressBinding(addresses: [fixture.address(1)])
        try fixture.apply(wanted)
        try Program.check(["ip", "link", "set", "fairlead0", "down"])
        #expect(try fixture.store.observe().isEmpty)
        #expect(try fixture.apply(wanted) == ApplyReport(operations: 1))
        #expect(try fixture.store.observe() == wanted)
        #expect(try fixture.isLocal(fixture.address(1)))
        try Program.check(["ip", "link", "set", "fairlead0", "down"])
        #expect(try fixture.store.removeLinkIfUnused())
    }

    @Test(
        "A wider address on our link is foreign, and keeps the link",
        arguments: IPFamily.allCases
    )
    func widerAddress(_ family: IPFamily) throws {
        let fixture = try AddressFixture(family)
        let address = fixture.address(1)
        let wanted = AddressBinding(addresses: [address])
        try fixture.apply(wanted)
        let wider = "\(fixture.address(9))/\(family.bitWidth - 4)"
        try fixture.ip("addr", "add", wider, "dev", "fairlead0")
        #expect(try fixture.store.observe() == wanted)
        try fixture.apply(AddressBinding())
        #expect(try !fixture.store.removeLinkIfUnused())
        #expect(try fixture.ip("addr", "show", "fairlead0").contains(wider))
    }

    @Test("A dummy link made by another program is used")
    func presentLink() throws {
        let fixture = try AddressFixture(.ipv6)
        try Program.check(["ip", "link", "add", "fairlead0", "type", "dummy"])
        try Program.check(["ip", "link", "set", "fairlead0", "up"])
        let wanted = AddressBinding(addresses: [fixture.address(1)])
        #expect(try fixture.apply(wanted) == ApplyReport(operations: 1))
        // It has a link-local address, which Fairlead did not assign.
        #expect(try fixture.ip("addr", "show", "fairlead0").contains("fe80::"))
        #expect(try fixture.store.observe() == wanted)
        try fixture.apply(AddressBinding())
        #expect(try fixture.store.removeLinkIfUnused())
    }

    @Test("Thousands of addresses go in and out", arguments: IPFamily.allCases)
    func many(_ family: IPFamily) throws {
        let fixture = try AddressFixture(family)
        let wanted = AddressBinding(addresses: Set((1...3000).map { fixture.address($0) }))
        #expect(try fixture.apply(wanted) == ApplyReport(operations: 3000))
        #expect(try fixture.store.observe() == wanted)
        #expect(try fixture.apply(AddressBinding()) == ApplyReport(operations: 3000))
        #expect(try fixture.store.observe().isEmpty)
    }

    /// The kernel makes routes to IPv6 addresses some time after it has acknowledged them.
    @Test("What is bound is this host's own at once", arguments: IPFamily.allCases, [1, 40, 3000])
    func atOnce(_ family: IPFamily, _ count: Int) throws {
        let fixture = try AddressFixture(family)
        let addresses = (1...count).map { fixture.address($0) }
        let report = try fixture.store.make(addresses.map { .add($0) })
        let unreachable = addresses.count { !isReachable($0) }
        #expect(report == ApplyReport(operations: count))
        #expect(unreachable == 0)
    }

    /// Whether there is a route, without starting a program, which takes its time. Sends nothing.
    private func isReachable(_ address: IPAddress) -> Bool {
        let domain = address.family == .ipv4 ? AF_INET : AF_INET6
        guard let socket = try? OwnedDescriptor(socket: domain, SOCK_DGRAM) else { return false }
        return (try? SystemAddress(address, 9).connect(socket)) != nil
    }

    @Test("Disabled IPv6 is reported briefly")
    func disabledIPv6() throws {
        let fixture = try AddressFixture(.ipv6)
        try Sysctl.write("1", to: "net.ipv6.conf.default.disable_ipv6")
        let changes = (1...100).map { AddressChange.add(fixture.address($0)) }
        let report = try fixture.store.make(changes)
        #expect(report.operations == 0)
        #expect(report.failures.count == 9)
        #expect(report.failures.allSatisfy { $0.kind == .unsupported })
        #expect(report.failures.first?.message == "IPv6 is disabled")
        #expect(report.failures.last?.subject == "addresses on fairlead0")
    }

    @Test(
        "What others change of bindings is counted, what we change is not, and at rest nothing is asked",
        arguments: IPFamily.allCases
    )
    func changes(_ family: IPFamily) throws {
        try NetworkNamespace.enterNew()
        try Program.check(["ip", "link", "set", "lo", "up"])
        let traffic = NetlinkTraffic()
        let store = AddressStore(family: family, traffic: traffic)
        let catalogue = SetCatalogue(family: family)
        let addresses = (1...3).map { catalogue.address($0) }
        let range = IPPrefix(catalogue.address(0x6_0000), length: family.bitWidth - 8)
        func ip(_ words: String) throws {
            let flag = family == .ipv4 ? "-4" : "-6"
            try Program.check(["ip", flag] + words.split(separator: " ").map(String.init))
        }
        var last = try store.changes()
        /// How many changes there were since the last call.
        func more() throws -> Int {
            defer { last = (try? store.changes()) ?? last }
            return try store.changes() - last
        }
        let binding = AddressBinding(addresses: Set(addresses), ranges: [range])
        let report = try store.make(AddressChange.changes(from: AddressBinding(), to: binding))
        #expect(report == ApplyReport(operations: 4))
        #expect(try more() == 0)
        let fewer = AddressBinding(addresses: Set(addresses.dropLast()))
        _ = try store.remove(AddressChange.changes(from: binding, to: fewer))
        _ = try store.make(AddressChange.changes(from: fewer, to: binding))
        #expect(try more() == 0)
        let sent = traffic.messages
        for _ in 0..<10 { #expect(try more() == 0) }
        #expect(traffic.messages == sent)
        // Foreign links, addresses and routes do not count.
        try ip("link add other0 type dummy")
        try ip("link set other0 up")
        try ip("address add \(catalogue.address(9)) dev other0")
        #expect(try more() == 0)
        for damage in [
            "address delete \(addresses[0])/\(family.bitWidth) dev \(Ownership.fairlead.link)",
            "address add \(addresses[0])/\(family.bitWidth) dev \(Ownership.fairlead.link)",
            "route delete local \(range) dev lo table local",
            "link set \(Ownership.fairlead.link) down",
            "link set \(Ownership.fairlead.link) up", "link delete \(Ownership.fairlead.link)",
            "link set lo down",
        ] {
            try ip(damage)
            var count = try more()
            // The kernel tells of an IPv6 address when it has looked for duplicates.
            for _ in 0..<6000 where count == 0 {
                usleep(10_000)
                count = try more()
            }
            #expect(count > 0, "\(damage)")
        }
    }
}
