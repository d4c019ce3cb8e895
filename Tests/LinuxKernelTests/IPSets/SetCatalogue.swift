import Addressing
import DataplaneModel

/// Sets of every kind, in shapes that the kernel takes.
struct SetCatalogue {
    let family: IPFamily

    static func owns(_ name: String) -> Bool { name.hasPrefix("TEST-") }

    func address(_ number: Int) -> IPAddress {
        family == .ipv4
            ? IPAddress(ipv4: 0x0a00_0000 + UInt32(number))
            : IPAddress(family: .ipv6, bits: UInt128(0xfd00) << 112 + UInt128(number))
    }

    func name(_ kind: IPSetKind, marks: Bool = false) -> IPSetName {
        switch kind {
        case .address: IPSetName("TEST-ADDRESS" + (marks ? "-M" : ""))
        case .frontend: IPSetName("TEST-FRONTEND" + (marks ? "-M" : ""))
        case .frontendSource: IPSetName("TEST-SOURCE" + (marks ? "-M" : ""))
        case .port: IPSetName("TEST-PORT" + (marks ? "-M" : ""))
        }
    }

    /// Entry `number` of a kind; all differ for numbers below 65535.
    func entry(_ number: Int, _ kind: IPSetKind) -> IPSetEntry {
        let transport = TransportProtocol.allCases[number % 3]
        let port = PortNumber(1 + number % 65535) ?? Self.https
        let socket = SocketAddress(address(number % 1000 + 1), port)
        switch kind {
        case .address: return .address(address(number + 1))
        case .frontend: return .frontend(socket, transport)
        case .frontendSource:
            let length = 1 + number % family.bitWidth
            return .frontendSource(socket, transport, IPPrefix(address(number), length: length))
        case .port: return .port(port)
        }
    }

    func set(_ kind: IPSetKind, count: Int, marks: Bool = false) -> IPSet {
        var entries: [IPSetEntry: UInt32] = [:]
        for number in 0..<count {
            entries[entry(number, kind)] = marks ? UInt32(number + 1) << 16 : 0
        }
        return IPSet(
            name(kind, marks: marks),
            kind: kind,
            family: family,
            carriesMarks: marks,
            entries: entries
        )
    }

    /// One of each kind, with marks and without.
    func all(count: Int) -> [IPSetName: IPSet] {
        let sets = IPSetKind.allCases.flatMap {
            [set($0, count: count), set($0, count: count, marks: true)]
        }
        return Dictionary(uniqueKeysWithValues: sets.map { ($0.name, $0) })
    }

    private static let https = PortNumber(443).unsafelyUnwrapped
}
