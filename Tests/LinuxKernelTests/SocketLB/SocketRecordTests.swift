import Addressing
import CSocketLB
import DataplaneModel
import Testing

@testable import SocketLB

@Suite("Records of socket maps")
struct SocketRecordTests {
    private func bytes<Value>(_ value: Value) -> [UInt8] {
        withUnsafeBytes(of: value) { Array($0) }
    }

    @Test("Addresses and ports are in network order, IPv4 after ::ffff")
    func endpoints() throws {
        let four = lb_endpoint(try #require(SocketAddress(parsing: "10.1.2.3:8080")))
        #expect(
            bytes(four) == [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 10, 1, 2, 3, 0x1f, 0x90, 0, 0]
        )
        let six = lb_endpoint(try #require(SocketAddress(parsing: "[fd00::1:2]:53")))
        #expect(bytes(six) == [0xfd] + [UInt8](repeating: 0, count: 12) + [1, 0, 2, 0, 53, 0, 0])
        #expect(four.socketAddress(.ipv4)?.description == "10.1.2.3:8080")
        #expect(six.socketAddress(.ipv6)?.description == "[fd00::1:2]:53")
        #expect(four.socketAddress(.ipv6) == nil)
        #expect(six.socketAddress(.ipv4) == nil)
        #expect(lb_endpoint().socketAddress(.ipv6) == nil)
    }

    @Test("Frontends and actions survive the way there and back")
    func frontends() throws {
        let port = try #require(PortNumber(80))
        for address in [IPAddress("10.96.0.1"), nil] {
            for transport in TransportProtocol.allCases {
                let frontend = SocketFrontend(address: address, port: port, transport: transport)
                #expect(lb_frontend(frontend).frontend(.ipv4) == frontend)
            }
        }
        let nodePort = SocketFrontend(address: nil, port: port, transport: .tcp)
        #expect(bytes(lb_frontend(nodePort)) == [UInt8](repeating: 0, count: 16) + [0, 80, 6, 1])
        #expect(lb_frontend().frontend(.ipv4) == nil)
        for action in [SocketAction.group(1), .group(.max), .refuse, .leave] {
            #expect(lb_action(action).action == action)
        }
        #expect(lb_action().action == nil)
        #expect(lb_action(kind: 9, group: 0).action == nil)
        #expect(lb_action(kind: LB_REFUSE.rawValue, group: 1).action == nil)
    }

    @Test("No key has padding, which maps would compare")
    func sizes() {
        #expect(MemoryLayout<lb_frontend>.size == 20 && MemoryLayout<lb_frontend>.stride == 20)
        #expect(MemoryLayout<lb_endpoint>.size == 20)
        #expect(MemoryLayout<lb_member>.size == 24)
        #expect(MemoryLayout<lb_client>.size == 24)
        #expect(MemoryLayout<lb_slot>.size == 8)
        #expect(MemoryLayout<lb_affinity>.stride == 32)
        #expect(MemoryLayout<lb_settings>.stride == 32)
        #expect(MemoryLayout<lb_group>.size == 16)
        #expect(MemoryLayout<lb_udp_socket>.size == 48)
    }

    @Test("Maps have room for some more than they need, up to a limit")
    func capacity() {
        let sizes = SocketMapSizes()
        #expect(sizes.capacity(.frontends, for: 0) == 4096)
        #expect(sizes.capacity(.frontends, for: 4000) == 8192)
        #expect(sizes.capacity(.slots, for: 100_000) == 131_072)
        #expect(sizes.capacity(.slots, for: 10_000_000) == 4_194_304)
    }
}
