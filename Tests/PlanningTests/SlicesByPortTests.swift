import Addressing
import ServiceModel
import Testing

@testable import Planning

@Suite("Slices by port")
struct SlicesByPortTests {
    private static func port(_ name: String, _ transport: TransportProtocol) throws -> ServicePort {
        ServicePort(name: name, transport: transport, port: try #require(PortNumber(80)))
    }

    /// Ports of the same name, and of the same name and protocol, in slices that overlap.
    private static func slices() throws -> [EndpointSlice] {
        try (0..<6).map { number in
            let ports = try ["a", "b", "b", "c"].enumerated().map { index, name in
                EndpointPort(
                    name: name,
                    transport: (index + number).isMultiple(of: 2) ? .tcp : .udp,
                    port: try #require(PortNumber(8000 + index))
                )
            }
            let addresses = (number..<number + 3).map { IPAddress(ipv4: 0x0ab4_0000 + UInt32($0)) }
            return EndpointSlice(
                name: "web-\(number)",
                service: ServiceName(namespace: "shop", name: "web"),
                family: .ipv4,
                ports: ports,
                endpoints: addresses.map { Endpoint(address: $0) }
            )
        }
    }

    @Test("A port of many has the endpoints that it has among few")
    func sameSelection() throws {
        let slices = try Self.slices()
        let wanted = try ["a", "b", "c", "d"].flatMap { name in
            try [Self.port(name, .tcp), Self.port(name, .udp)]
        }
        let others = try (0..<20).map { try Self.port("other-\($0)", .tcp) }
        let few = SlicesByPort(slices, for: wanted)
        let many = SlicesByPort(slices, for: wanted + others)
        for port in wanted + others {
            let selections = [few, many].map { slices in
                EndpointSelection(
                    portName: port.name,
                    transport: port.transport,
                    slices: slices[port],
                    usesCluster: true,
                    usesLocal: false,
                    node: NodeIdentity(name: "node-a")
                )
            }
            #expect(selections[0] == selections[1], "\(port.name)")
        }
        #expect(few[wanted[0]].count == 6)
        #expect(many[wanted[0]].allSatisfy { $0.ports.count == 1 })
        #expect(many[others[0]].isEmpty)
    }
}
