package import Addressing

/// Renders a state of ipvs mode as the tools for its four parts print it: `ipset save`,
/// `iptables-legacy-save`, `ipvsadm -Sn`, and `ip -batch` for the addresses.
///
/// A comment before each part names the program that reads it. Titles are comments, which all of
/// these programs except ipvsadm skip.
package struct IPVSRenderer: Sendable {
    private static let ownership = Ownership.fairlead

    package let family: IPFamily

    package init(family: IPFamily) {
        self.family = family
    }

    package func render(_ state: IPVSState) -> String {
        var lines: [String] = []
        if !state.sets.isEmpty { lines.append("# Sets: ipset restore") }
        for set in state.sortedSets {
            if let title = set.title { lines.append("# \(title)") }
            lines += set.saveLines
        }
        let rules = IPTablesRenderer(family: family).render(state.iptables)
        if !rules.isEmpty {
            let program = family == .ipv4 ? "iptables" : "ip6tables"
            lines.append("# Rules: \(program)-legacy-restore --noflush")
            lines.append(String(rules.dropLast()))
        }
        if !state.servers.isEmpty {
            lines.append("# Virtual servers: ipvsadm -R, without comments")
        }
        for server in state.sortedServers {
            if let title = server.title { lines.append("# \(title)") }
            lines += server.saveLines
        }
        lines += self.lines(state.binding)
        return lines.map { $0 + "\n" }.joined()
    }

    private func lines(_ binding: AddressBinding) -> [String] {
        guard !binding.isEmpty else { return [] }
        var lines = ["# Addresses: ip -batch -"]
        lines += binding.ranges.sorted().map { "route add \(Self.words($0))" }
        if !binding.addresses.isEmpty { lines.append("link add \(Self.ownership.link) type dummy") }
        return lines + binding.addresses.sorted().map { "address add \(Self.words($0))" }
    }

    /// `10.96.0.10/32 dev fairlead0`.
    static func words(_ address: IPAddress) -> String {
        "\(IPPrefix(address)) dev \(ownership.link)"
    }

    /// `local 10.96.0.0/16 dev lo table local proto 250`.
    static func words(_ range: IPPrefix) -> String {
        "local \(range) dev lo table local proto \(ownership.routeProtocol)"
    }
}

extension VirtualServer {
    /// The lines of `ipvsadm -Sn` for the virtual server and its real servers.
    package var saveLines: [String] {
        [additionLine] + sortedRealServers.map { "-a \(key.option) \($0.options)" }
    }

    /// `-A -t 10.96.0.10:80 -s wrr -p 10800`.
    var additionLine: String { "-A \(key.option) \(attributes)" }

    /// Scheduler, persistence and flags.
    var attributes: String {
        var text = "-s \(scheduler)"
        if let persistenceSeconds { text += " -p \(persistenceSeconds)" }
        if !flags.isEmpty { text += " -b " + flags.joined(separator: ",") }
        return text
    }

    /// Schedulers that hash always fall back to another real server if the chosen one accepts no
    /// connections, for instance while it drains.
    private var flags: [String] {
        guard scheduler.text == "sh" || scheduler.text == "mh" else { return [] }
        return ["\(scheduler)-fallback"] + (hashesSourcePort ? ["\(scheduler)-port"] : [])
    }
}

extension VirtualServer.Key {
    /// `-t 10.96.0.10:80`, `-u [fd00::1]:53`, `--sctp-service …`, `-f 65536 -6`.
    var option: String {
        switch self {
        case .frontend(let socket, .tcp): "-t \(socket)"
        case .frontend(let socket, .udp): "-u \(socket)"
        case .frontend(let socket, .sctp): "--sctp-service \(socket)"
        case .mark(let mark, .ipv4): "-f \(mark)"
        case .mark(let mark, .ipv6): "-f \(mark) -6"
        }
    }
}

extension RealServer {
    /// `-r 10.180.0.11:8080 -m -w 1`.
    var options: String {
        "-r \(key) \(forwarding.flag) -w \(weight)"
            + (forwarding == .tunnel ? " --tun-type ipip" : "")
    }
}

extension ForwardingMethod {
    fileprivate var flag: String {
        switch self {
        case .masquerade, .localNode: "-m"
        case .tunnel: "-i"
        case .directRoute: "-g"
        }
    }
}
