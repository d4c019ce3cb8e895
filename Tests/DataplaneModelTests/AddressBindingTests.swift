import Addressing
import DataplaneModel
import Testing

@Suite("Bound addresses")
struct AddressBindingTests {
    private func binding(_ addresses: [String], _ ranges: [String]) throws -> AddressBinding {
        AddressBinding(
            addresses: Set(try addresses.map { try #require(IPAddress($0)) }),
            ranges: Set(try ranges.map { try #require(IPPrefix($0)) })
        )
    }

    @Test("The part for some addresses has them and the ranges that they are in")
    func part() throws {
        let all = try binding(["10.96.0.1", "192.0.2.1"], ["10.96.0.0/16", "10.97.0.0/16"])
        let some = try binding(["192.0.2.1", "10.97.0.9", "203.0.113.1"], []).addresses
        #expect(try all.part(for: some) == binding(["192.0.2.1"], ["10.97.0.0/16"]))
        #expect(all.part(for: []).isEmpty)
    }

    @Test("A part and what is left of it make the whole")
    func parts() throws {
        let all = try binding(["10.96.0.1", "192.0.2.1"], ["10.96.0.0/16", "10.97.0.0/16"])
        let part = try binding(["10.96.0.1"], ["10.97.0.0/16"])
        let rest = try binding(["192.0.2.1"], ["10.96.0.0/16"])
        #expect(all.subtracting(part) == rest)
        #expect(part.union(rest) == all)
        #expect(all.subtracting(all).isEmpty)
    }
}
