import Addressing
import DataplaneModel

@testable import Conntrack
@testable import HostChecks
@testable import IPSets
@testable import IPVS
@testable import NFTables
@testable import Netlink
@testable import NodeAddresses
@testable import SocketDiag

/// Datagrams of the kernel: dumps and notifications of each subsystem. The first byte chooses the family and
/// what else the reader knows beforehand.
let netlinkTargets = [
    FuzzTarget("netlink-ipvs") { data in
        Datagram(data)?.forEach { message, family, _ in
            if let record = VirtualServerRecord(message) { _ = record.virtualServer([:]) }
            if let record = RealServerRecord(message, family: family) {
                _ = (record.realServer, record.drainDeadline)
            }
        }
    },
    FuzzTarget("netlink-nftables", readTable),
    FuzzTarget("netlink-conntrack") { data in
        Datagram(data)?.forEach { message, family, _ in _ = ConntrackEntry(message, family) }
    },
    FuzzTarget("netlink-foreign-rules", readForeignRules),
    FuzzTarget("netlink-routes", readRoutes),
    FuzzTarget("netlink-sockets") { data in
        Datagram(data)?.forEach { message, family, _ in
            guard let socket = DatagramSocket(message, family) else { return }
            precondition(socket.peer.address.family == family)
            // What is sent back to end the socket.
            precondition(socket.identity.count == 48)
        }
    },
    FuzzTarget("netlink-ipset", readSets),
    FuzzTarget(text: "ipset-header") { text in
        for family in IPFamily.allCases { _ = IPSetHeader(text)?.set(family) }
        for header in IPSetHeader.all(in: text, owns: { _ in true }) ?? [] {
            precondition(!header.name.contains("\n"), "a name of two lines")
        }
    },
    FuzzTarget("netlink-refusal") { data in
        Datagram(data)?.forEach { message, _, choice in
            let refusal = NetlinkSocket.Refusal(0, Int32(choice), message)
            _ = (refusal.message, refusal.offset)
        }
    },
]

/// The messages of a datagram, as a socket finds them.
private struct Datagram {
    let family: IPFamily
    /// The rest of the first byte.
    let choice: UInt8
    let messages: [NetlinkMessage]

    init?(_ data: [UInt8]) {
        guard let first = data.first else { return nil }
        family = first & 1 == 0 ? .ipv4 : .ipv6
        choice = first >> 1
        var bytes = Array(data.dropFirst())
        messages = bytes.withUnsafeMutableBufferPointer { buffer in
            buffer.baseAddress.map { NetlinkMessage.all($0, buffer.count) } ?? []
        }
    }

    func forEach(_ body: (NetlinkMessage, IPFamily, UInt8) -> Void) {
        for message in messages { body(message, family, choice) }
    }
}

/// Shapes of sets that Fairlead has, and one with a key of several fields.
private let shapes = [
    NFTSetShape([.transport]), NFTSetShape([.address]), NFTSetShape([.address, .transport, .port]),
    NFTSetShape([.address, .transport, .port], isInterval: true),
    NFTSetShape([.address, .transport, .port], mapping: .verdict),
    NFTSetShape([.classID, .number], mapping: .fields([.address, .port])),
    NFTSetShape([.address], isDynamic: true, countsPackets: true),
]

private func readTable(_ data: [UInt8]) {
    guard let datagram = Datagram(data) else { return }
    let (family, messages) = (datagram.family, datagram.messages)
    let shape = shapes[Int(datagram.choice) % shapes.count]
    let table = Ownership.fairlead.table
    var elements = NFTElementReader(shape, family)
    var counts = NFTCountReader(shape, family)
    var rules = NFTRuleReader(
        family,
        shapes: ["cluster-ips": shape],
        transports: ["__set0": [.tcp, .udp]]
    )
    let monitor = NFTMonitor()
    for message in messages {
        monitor.count(message)
        _ = NFTablesReading.chain(message.attributes, table: table)
        elements.read(message)
        counts.read(message)
        _ = NFTSetHeader(message, family, table: table)?.set
        _ = rules.rule(message.attributes)
        // `NFTA_RULE_EXPRESSIONS`
        if let list = message.attributes.attribute(4) { _ = rules.rule(list) }
    }
    _ = elements.elements.keys.sorted()
}

/// Rules of other programs, for what `check` says about them.
private func readForeignRules(_ data: [UInt8]) {
    guard let datagram = Datagram(data) else { return }
    for message in datagram.messages {
        // `NFTA_RULE_EXPRESSIONS`
        guard let list = message.attributes.attribute(4) else { continue }
        let rule = NFTForeignRule(list)
        _ = (rule.accepts, rule.stops, rule.isForAllPackets, rule.hasOneCondition)
        _ = (rule.matchesTranslated, rule.matchesEstablished, rule.translatedPort)
    }
}

private func readRoutes(_ data: [UInt8]) {
    guard let datagram = Datagram(data) else { return }
    let opened = try? AddressMonitor(datagram.family, .fairlead, NetlinkTraffic())
    guard let monitor = opened else { preconditionFailure("no socket for notifications") }
    for message in datagram.messages {
        monitor.read(message)
        // Of the link of this very message, so that its number is no obstacle.
        let link = RoutingSocket.link(message.payload)
        _ = RoutingSocket.address(message.payload, datagram.family, of: link)?.isAssigned
    }
    _ = monitor.hasLink
}

private func readSets(_ data: [UInt8]) {
    guard let datagram = Datagram(data) else { return }
    let kinds = IPSetKind.allCases
    let kind = kinds[Int(datagram.choice) % kinds.count]
    let header = IPSetHeader(
        """
        Name: fairlead
        Type: \(kind.rawValue)
        Header: family inet hashsize 1024 maxelem 65536\(datagram.choice > 63 ? " skbinfo" : "")
        Number of entries: 3

        """
    )
    guard let header else { preconditionFailure("a good header is not read") }
    var reader = IPSetReader(header, family: datagram.family)
    for message in datagram.messages { reader.read(message) }
    _ = reader.set
}
