import Addressing
import ServiceModel

/// The usual layout of nftables proxies in its leanest form, for comparison: a map from frontends to
/// verdicts, and a chain per Service with its endpoints in an anonymous map.
struct ChainLayout {
    let workload: Workload

    /// So many Services are loaded at a time: the kernel goes through all of a transaction for each
    /// anonymous map in it, which blocks every writer for minutes when there are thousands.
    private static let pieceSize = 250

    private static let table = "ip services"

    /// Texts for `nft -f` that one after another load everything.
    var pieces: [String] {
        stride(from: 0, to: workload.services, by: Self.pieceSize).map { start in
            let part = start..<min(start + Self.pieceSize, workload.services)
            var text = start == 0 ? Self.frame : ""
            for index in part { text += "add chain \(Self.table) service-\(index)\n" }
            for index in part { text += rule(index, members: workload.endpoints) }
            let elements = part.map { "\(workload.clusterIP($0)) . tcp . 80 : goto service-\($0)" }
            let list = elements.joined(separator: ", ")
            return text + "add element \(Self.table) service-ips { \(list) }\n"
        }
    }

    /// Text for `nft -f` that gives the middle Service `members` endpoints: its own chain and
    /// nothing else, the least that such a proxy writes.
    func change(members: Int) -> String {
        let index = workload.services / 2
        return "flush chain \(Self.table) service-\(index)\n" + rule(index, members: members)
    }

    private func rule(_ index: Int, members: Int) -> String {
        let endpoints = (0..<members).map { "\($0) : \(workload.endpoint(index, $0)) . 8080" }
        return "add rule \(Self.table) service-\(index) meta l4proto tcp "
            + "dnat ip to numgen random mod \(members) map "
            + "{ \(endpoints.joined(separator: ", ")) }\n"
    }

    private static let frame = """
        add table \(table)
        add map \(table) service-ips { type ipv4_addr . inet_proto . inet_service : verdict; }
        add chain \(table) prerouting { type nat hook prerouting priority -100; }
        add chain \(table) output { type nat hook output priority -100; }
        add chain \(table) postrouting { type nat hook postrouting priority 100; }
        add rule \(table) prerouting ip daddr . meta l4proto . th dport vmap @service-ips
        add rule \(table) output ip daddr . meta l4proto . th dport vmap @service-ips
        add rule \(table) postrouting meta mark & 0x4000 == 0x4000 masquerade fully-random

        """
}
