import Addressing
import DataplaneModel
import Glibc
import HostFacts
import NodeAddresses
import Testing

/// A store in a new namespace whose loopback interface is up, and the ip program.
@KernelThread
struct AddressFixture {
    let family: IPFamily
    let store: AddressStore
    let catalogue: SetCatalogue

    init(_ family: IPFamily) throws {
        try NetworkNamespace.enterNew()
        try Program.check(["ip", "link", "set", "lo", "up"])
        self.family = family
        store = AddressStore(family: family)
        catalogue = SetCatalogue(family: family)
    }

    func address(_ number: Int) -> IPAddress { catalogue.address(number) }

    func range(_ number: Int, _ length: Int) -> IPPrefix {
        IPPrefix(catalogue.address(number), length: length)
    }

    @discardableResult
    func ip(_ arguments: String...) throws -> String {
        try Program.check(["ip", family == .ipv4 ? "-4" : "-6"] + arguments)
    }

    /// Both stages, with nothing between them.
    @discardableResult
    func apply(_ binding: AddressBinding) throws -> ApplyReport {
        let changes = AddressChange.changes(from: try store.observe(), to: binding)
        var report = try store.make(changes)
        let removed = try store.remove(changes)
        report.operations += removed.operations
        report.failures += removed.failures
        return report
    }

    func isLocal(_ address: IPAddress) throws -> Bool {
        let found = try Program.run(["ip", "route", "get", "\(address)"])
        return found.status == 0 && found.output.hasPrefix("local ")
    }
}

@Suite("AddressStore")
@KernelThread
struct AddressStoreTests {
    @Test("A range is this host's own as long as it is bound", arguments: IPFamily.allCases)
    func ranges(_ family: IPFamily) throws {
        let fixture = try AddressFixture(family)
        #expect(try fixture.store.observe().isEmpty)
        let wide = fixture.range(0x6_0000, family == .ipv4 ? 16 : 112)
        let single = fixture.range(5, family.bitWidth)
        let wanted = AddressBinding(ranges: [wide, single])
        let inside = fixture.address(0x6_1234)
        #expect(try !fixture.isLocal(inside))
        #expect(try fixture.apply(wanted) == ApplyReport(operations: 2))
        #expect(try fixture.store.observe() == wanted)
        #expect(try fixture.isLocal(inside))
        #expect(try fixture.isLocal(fixture.address(5)))
        #expect(try !fixture.isLocal(fixture.address(6)))
        let shown = try fixture.ip("route", "show", "table", "local", "proto", "250")
        #expect(shown.split(separator: "\n").count == 2)
        #expect(shown.contains("\(wide) dev lo "))
        let less = AddressBinding(ranges: [single])
        #expect(try fixture.apply(less) == ApplyReport(operations: 1))
        #expect(try fixture.store.observe() == less)
        #expect(try !fixture.isLocal(inside))
    }

    @Test("Nothing is opened again from one use to the next")
    func keptSocket() throws {
        let fixture = try AddressFixture(.ipv4)
        let wanted = AddressBinding(ranges: [fixture.range(0x6_0000, 16)])
        try fixture.apply(wanted)
        let sockets = try openNetlinkSockets()
        #expect(sockets.count == 1)
        try fixture.apply(AddressBinding())
        try fixture.apply(wanted)
        #expect(try openNetlinkSockets() == sockets)
    }

    @Test("Stale changes do no harm", arguments: IPFamily.allCases)
    func stale(_ family: IPFamily) throws {
        let fixture = try AddressFixture(family)
        let wanted = AddressBinding(ranges: [fixture.range(0x6_0000, family.bitWidth - 8)])
        let changes = AddressChange.changes(from: AddressBinding(), to: wanted)
        let back = AddressChange.changes(from: wanted, to: AddressBinding())
        for _ in 0..<2 {
            #expect(try fixture.store.make(changes).failures.isEmpty)
            #expect(try fixture.store.remove(changes) == ApplyReport())
            #expect(try fixture.store.observe() == wanted)
        }
        for _ in 0..<2 {
            #expect(try fixture.store.make(back) == ApplyReport())
            #expect(try fixture.store.remove(back).failures.isEmpty)
            #expect(try fixture.store.observe().isEmpty)
        }
    }

    @Test("Routes of others are neither seen nor removed", arguments: IPFamily.allCases)
    func foreign(_ family: IPFamily) throws {
        let fixture = try AddressFixture(family)
        let range = fixture.range(0x6_0000, family.bitWidth - 8)
        try fixture.ip("route", "add", "local", "\(range)", "dev", "lo")
        try fixture.ip("route", "add", "\(range)", "dev", "lo", "proto", "250")
        let before = try fixture.ip("route", "show", "table", "all")
        #expect(try fixture.store.observe().isEmpty)
        let report = try fixture.store.remove([.removeRange(range)])
        #expect(report.failures.isEmpty)
        #expect(try fixture.ip("route", "show", "table", "all") == before)
    }

    @Test("Thousands of ranges go in and out", arguments: IPFamily.allCases)
    func many(_ family: IPFamily) throws {
        let fixture = try AddressFixture(family)
        let ranges = (0..<5000).map { fixture.range(0x10_0000 + $0 << 4, family.bitWidth - 4) }
        let wanted = AddressBinding(ranges: Set(ranges))
        #expect(try fixture.apply(wanted) == ApplyReport(operations: 5000))
        #expect(try fixture.store.observe() == wanted)
        #expect(try fixture.apply(AddressBinding()) == ApplyReport(operations: 5000))
        #expect(try fixture.store.observe().isEmpty)
    }

    /// For IPv4 the kernel does not mind.
    @Test("A loopback interface that is down is an error that says so")
    func loopbackDown() throws {
        let fixture = try AddressFixture(.ipv6)
        try Program.check(["ip", "link", "set", "lo", "down"])
        let range = fixture.range(0, 112)
        let report = try fixture.store.make([.addRange(range)])
        #expect(report.operations == 0)
        #expect(report.failures.map(\.subject) == ["local route \(range)"])
        #expect(report.failures.map(\.message) == ["the loopback interface is down"])
    }

    @Test("The first address creates the dummy link, or the error says how to get one")
    func firstAddress() throws {
        let fixture = try AddressFixture(.ipv4)
        let hasDummy = try Program.run(["ip", "link", "add", "probe", "type", "dummy"]).status == 0
        let wanted = AddressBinding(
            addresses: [fixture.address(1), fixture.address(2)],
            ranges: [fixture.range(0x100, 24)]
        )
        let report = try fixture.apply(wanted)
        if hasDummy {
            #expect(report == ApplyReport(operations: 3))
            #expect(try fixture.store.observe() == wanted)
        } else {
            #expect(report.operations == 1)
            #expect(report.failures.map(\.kind) == [.unsupported])
            #expect(report.failures.map(\.subject) == ["link fairlead0"])
            #expect(report.failures.first?.message?.contains("modprobe dummy") == true)
            #expect(try fixture.store.observe().ranges == wanted.ranges)
        }
        #expect(try fixture.store.remove([.remove(fixture.address(1))]).failures.isEmpty)
    }

    @Test("A link of our name and another kind is an error, and never touched")
    func foreignLink() throws {
        let fixture = try AddressFixture(.ipv4)
        try Program.check([
            "ip", "link", "add", "fairlead0", "type", "veth", "peer", "name", "other",
        ])
        try fixture.ip("addr", "add", "10.9.9.9/32", "dev", "fairlead0")
        let before = try fixture.ip("addr", "show", "fairlead0")
        #expect(try fixture.store.observe().isEmpty)
        let report = try fixture.store.make([.add(fixture.address(1)), .add(fixture.address(2))])
        #expect(report.operations == 0)
        #expect(report.failures.count == 1)
        #expect(report.failures.first?.message?.contains("of kind veth") == true)
        let address = IPAddress(ipv4: 0x0a09_0909)
        #expect(try fixture.store.remove([.remove(address)]) == ApplyReport())
        #expect(try !fixture.store.removeLinkIfUnused())
        #expect(try fixture.ip("addr", "show", "fairlead0") == before)
    }
}
