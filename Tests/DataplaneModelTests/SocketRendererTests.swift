import Addressing
import DataplaneModel
import Foundation
import Testing

/// The text and JSON forms of the socket level, and differences between its states.
@Suite("SocketRenderer")
struct SocketRendererTests {
    private let renderer = SocketRenderer(family: .ipv4)

    private static func address(_ last: UInt32) -> IPAddress {
        IPAddress(ipv4: 0x0a00_0000 + last)
    }

    private static func socket(_ last: UInt32) throws -> SocketAddress {
        SocketAddress(address(last), try #require(PortNumber(8080)))
    }

    private static func state() throws -> SocketState {
        let port = try #require(PortNumber(80))
        var state = SocketState()
        func frontend(_ last: UInt32?) -> SocketFrontend {
            SocketFrontend(address: last.map(address), port: port, transport: .tcp)
        }
        state.frontends = [
            frontend(nil): .group(7), frontend(2): .leave, frontend(1): .refuse,
            frontend(10): .group(7),
        ]
        let slots = try [21, 22, 21, 21, 22].map { try socket(UInt32($0)) }
        state.groups[7] = SocketGroup(
            choice: .random,
            affinityTimeoutSeconds: 60,
            slots: slots,
            label: "shop/web:http/tcp"
        )
        state.nodeAddresses = [address(99), .localhost(.ipv4)]
        return state
    }

    @Test("A state is a line for each entry, sorted, node ports last")
    func text() throws {
        let expected = """
            node address 10.0.0.99
            node address 127.0.0.1
            frontend 10.0.0.1:80/tcp refuse
            frontend 10.0.0.2:80/tcp leave
            frontend 10.0.0.10:80/tcp group 7
            frontend 80/tcp group 7
            # shop/web:http/tcp
            group 7 random affinity 60s
            \t10.0.0.21:8080 in slots 0, 2-3
            \t10.0.0.22:8080 in slots 1, 4

            """
        var state = try Self.state()
        #expect(renderer.render(state) == expected)
        state.groups[7]?.isForDatagrams = true
        state.groups[7]?.affinityTimeoutSeconds = nil
        #expect(renderer.render(state).contains("\ngroup 7 random datagrams\n"))
    }

    @Test("A difference shows what changes and nothing else")
    func difference() throws {
        let old = try Self.state()
        var new = old
        new.nodeAddresses.remove(Self.address(99))
        let refused = try #require(old.frontends.first { $0.value == .refuse }).key
        new.frontends[refused] = .group(7)
        new.frontends = new.frontends.filter { $0.value != .leave }
        new.groups[7]?.slots[4] = try Self.socket(23)
        var observed = old
        observed.isAttached = false
        let diff = SocketDiff(from: observed, to: new)
        let expected = """
            @@ node addresses @@
            -node address 10.0.0.99
            @@ frontends @@
            -frontend 10.0.0.2:80/tcp
            +frontend 10.0.0.1:80/tcp group 7
            @@ change group 7 @@ shop/web:http/tcp
            -\t10.0.0.22:8080 in slots 1, 4
            +\t10.0.0.22:8080 in slot 1
            +\t10.0.0.23:8080 in slot 4
            @@ attach the socket programs @@

            """
        #expect(renderer.render(diff) == expected)
        #expect(diff.count == 5)
        #expect(!diff.isEmpty)
    }

    @Test(
        "Equal states have no difference, whatever their titles and whether detached ones are wanted"
    )
    func equality() throws {
        let state = try Self.state()
        var observed = state
        observed.groups[7]?.label = nil
        #expect(observed == state)
        #expect(SocketDiff(from: observed, to: state).isEmpty)
        observed.isAttached = false
        #expect(SocketDiff(from: state, to: observed).isEmpty)
        #expect(renderer.render(SocketDiff()).isEmpty)
    }

    @Test("The JSON form has everything that the text has")
    func document() throws {
        let data = try JSONEncoder().encode(renderer.document(try Self.state()))
        let decoded = try JSONDecoder().decode(Document.self, from: data)
        #expect(decoded.nodeAddresses == ["10.0.0.99", "127.0.0.1"])
        #expect(decoded.frontends.map(\.action) == ["refuse", "leave", "group", "group"])
        #expect(decoded.frontends.map(\.group) == [nil, nil, 7, 7])
        #expect(decoded.groups.first?.endpoints.map(\.slots) == [[0, 2, 3], [1, 4]])
        #expect(decoded.groups.first?.affinitySeconds == 60)
    }

    private struct Document: Decodable {
        struct Frontend: Decodable {
            var frontend: String
            var action: String
            var group: UInt32?
        }

        struct Group: Decodable {
            struct Endpoint: Decodable {
                var address: String
                var slots: [Int]
            }

            var number: UInt32
            var affinitySeconds: UInt32?
            var endpoints: [Endpoint]
        }

        var nodeAddresses: [String]
        var frontends: [Frontend]
        var groups: [Group]
    }
}
