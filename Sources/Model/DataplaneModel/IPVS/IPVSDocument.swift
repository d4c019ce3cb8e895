package import Addressing

/// A state of ipvs mode in the shape of its JSON form:
///
///     {"family": "IPv4",
///      "sets": [{"name": "FAIRLEAD-4-VIP", "type": "hash:ip", "title": "…", "entries": ["…"]}],
///      "tables": […],
///      "virtualServers": [{"key": "10.96.0.10:80/tcp", "title": "…", "scheduler": "wrr",
///        "persistenceSeconds": 10800, "realServers": [{"address": "10.180.0.11:8080",
///          "forwarding": "masquerade", "weight": 1}]}],
///      "addresses": ["10.96.0.10"], "ranges": []}
///
/// `tables` is as in `IPTablesDocument`; an entry's mark follows it as in `ipset save`.
/// Fields may be added, never renamed.
package struct IPVSDocument: Sendable, Encodable {
    package struct Set: Sendable, Encodable {
        package var name: String
        package var type: String
        package var title: String?
        package var entries: [String]
    }

    package struct Server: Sendable, Encodable {
        package var key: String
        package var title: String?
        package var scheduler: String
        package var persistenceSeconds: UInt32?
        package var realServers: [Real]
    }

    package struct Real: Sendable, Encodable {
        package var address: String
        package var forwarding: String
        package var weight: UInt32
    }

    package var family: String
    package var sets: [Set]
    package var tables: [IPTablesDocument.Table]
    package var virtualServers: [Server]
    package var addresses: [String]
    package var ranges: [String]

    package init(_ state: IPVSState, family: IPFamily) {
        self.family = family.rawValue
        sets = state.sortedSets.map { set in
            Set(
                name: set.name.text,
                type: set.kind.rawValue,
                title: set.title,
                entries: set.sortedEntries.map {
                    "\($0)" + IPSet.markText(set.entries[$0] ?? 0)
                }
            )
        }
        tables = IPTablesDocument(state.iptables, family: family).tables
        virtualServers = state.sortedServers.map(Server.init)
        addresses = state.binding.addresses.sorted().map(\.description)
        ranges = state.binding.ranges.sorted().map(\.description)
    }
}

extension IPVSDocument.Server {
    fileprivate init(_ server: VirtualServer) {
        self.init(
            key: server.key.description,
            title: server.title,
            scheduler: server.scheduler.text,
            persistenceSeconds: server.persistenceSeconds,
            realServers: server.sortedRealServers.map {
                IPVSDocument.Real(
                    address: $0.key.description,
                    forwarding: $0.forwarding.keyword,
                    weight: $0.weight
                )
            }
        )
    }
}

extension ForwardingMethod {
    /// `masquerade`, `local`, `tunnel`, `direct`.
    var keyword: String {
        switch self {
        case .masquerade: "masquerade"
        case .localNode: "local"
        case .tunnel: "tunnel"
        case .directRoute: "direct"
        }
    }
}

/// A diff of ipvs mode in the shape of its JSON form, with the lines of the text form and `tables`
/// as in `IPTablesDiffDocument`:
///
///     {"family": "IPv4",
///      "sets": [{"name": "FAIRLEAD-4-VIP", "lines": ["+add FAIRLEAD-4-VIP 10.96.0.10"]}],
///      "tables": [],
///      "virtualServers": [{"name": "10.96.0.10:80/tcp", "lines": ["+-a …"]}],
///      "addresses": ["+address add 10.96.0.10/32 dev fairlead0"]}
package struct IPVSDiffDocument: Sendable, Encodable {
    package struct Change: Sendable, Encodable {
        package var name: String
        package var lines: [String]
    }

    package var family: String
    package var sets: [Change]
    package var tables: [IPTablesDiffDocument.Table]
    package var virtualServers: [Change]
    package var addresses: [String]

    package init(_ diff: IPVSDiff, family: IPFamily) {
        let renderer = IPVSRenderer(family: family)
        self.family = family.rawValue
        sets = diff.sets.map { Change(name: $0.name.text, lines: renderer.lines($0)) }
        tables = IPTablesDiffDocument(diff.iptables, family: family).tables
        virtualServers = diff.servers.map {
            Change(name: $0.key.description, lines: renderer.lines($0))
        }
        addresses = diff.addresses.map { renderer.line($0) }
    }
}
