import Addressing
import HostFacts
import Testing

@testable import DataplaneModel
@testable import IPVS
@testable import NFTables
@testable import NodeAddresses

@Suite("Ownership")
@KernelThread
struct OwnershipTests {
    /// Another program that names its objects in the same way.
    private static let other = Ownership(
        chainPrefix: "OTHER-",
        setPrefix: "OTHER-",
        table: "other",
        link: "other0",
        routeProtocol: 251,
        serverSignature: 0xabc0_0000
    )

    @Test(
        "A store sees and removes only the nftables table it is given",
        arguments: IPFamily.allCases
    )
    func tables(_ family: IPFamily) throws {
        try NetworkNamespace.enterNew()
        let load = NFTLoad(family: family, services: 3, endpoints: 2)
        let own = NFTablesStore(family: family)
        let other = NFTablesStore(family: family, ownership: Self.other)
        _ = try own.apply(NFTablesDiff(from: NFTablesState(), to: load.state))
        let mark = try own.observe().mark
        #expect(try other.observe().state == NFTablesState())

        _ = try other.apply(NFTablesDiff(from: NFTablesState(), to: load.state))
        #expect(try other.observe().state == load.state)
        _ = try other.apply(NFTablesDiff(from: load.state, to: NFTablesState()))
        #expect(try own.changes(since: mark) == .none)
        #expect(try own.observe().state == load.state)
        #expect(try Program.check(["nft", "list", "tables"]).contains("fairlead\n"))
    }

    @Test(
        "A store sees and removes only routes of the protocol it is given",
        arguments: IPFamily.allCases
    )
    func routes(_ family: IPFamily) throws {
        try NetworkNamespace.enterNew()
        try Program.check(["ip", "link", "set", "lo", "up"])
        let range = IPPrefix(SetCatalogue(family: family).address(1), length: family.bitWidth - 8)
        let own = AddressStore(family: family)
        let other = AddressStore(family: family, ownership: Self.other)
        #expect(try own.make([.addRange(range)]).failures.isEmpty)
        #expect(try own.observe().ranges == [range])
        #expect(try other.observe().ranges.isEmpty)
        _ = try other.remove([.removeRange(range)])
        #expect(try own.observe().ranges == [range])
    }

    @Test("A virtual server of another signature is foreign")
    func servers() {
        let server = VirtualServer(
            .frontend(address("10.96.0.1", 80), .tcp),
            scheduler: SchedulerName("rr")
        )
        let record = VirtualServerRecord(server, Self.other)
        #expect(record.flags.haveSignature(of: Self.other))
        #expect(!record.flags.haveSignature(of: .fairlead))
    }

    @Test("Names are owned by their prefix, sets in their own family alone")
    func names() {
        let own = Ownership.fairlead
        #expect(own.owns(chain: "FAIRLEAD-SERVICES"))
        #expect(!own.owns(chain: "KUBE-SERVICES"))
        #expect(!own.owns(chain: "fairlead-x"))
        #expect(own.owns(set: "FAIRLEAD-4-VIP", .ipv4))
        #expect(!own.owns(set: "FAIRLEAD-4-VIP", .ipv6))
        #expect(!Self.other.owns(set: "FAIRLEAD-4-VIP", .ipv4))
    }
}
