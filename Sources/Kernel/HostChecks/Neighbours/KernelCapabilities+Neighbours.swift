package import Addressing
package import DataplaneModel
import HostFacts
import Netlink
import NodeAddresses
import XTables

extension KernelCapabilities {
    /// Which filters of other programs a mode's packets pass on this host.
    package struct Path: Sendable {
        /// Packets to Service addresses are delivered to the node itself first.
        package var passesInput: Bool
        /// The mode has rules of its own in the legacy FORWARD chain, ahead of others.
        package var acceptsForwarded: Bool

        package init(passesInput: Bool, acceptsForwarded: Bool) {
            self.passesInput = passesInput
            self.acceptsForwarded = acceptsForwarded
        }
    }

    /// Foreign rules and settings that interfere with Services, each with what to change. Reads only;
    /// what cannot be read is left out, as the mode's own findings report that.
    package static func neighbours(
        _ families: [IPFamily],
        _ path: Path,
        _ ownership: Ownership
    ) -> [Finding] {
        var capabilities = KernelCapabilities()
        let bridges = families.contains(.ipv6) ? filteredBridges() : []
        for family in families { capabilities.checkLegacyFilter(family, path, bridges) }
        capabilities.checkForeignChains(families, path, bridges, ownership)
        if families.contains(.ipv4) { capabilities.checkReversePath() }
        capabilities.checkConntrackRoom()
        return capabilities.findings
    }

    // MARK: - Filters

    private mutating func checkLegacyFilter(
        _ family: IPFamily,
        _ path: Path,
        _ bridges: [String]
    ) {
        // Reading a table that was never used would create it.
        guard LegacyTables.used(family).contains(.filter) else { return }
        func read() throws(DataplaneError) -> (chains: [ForeignFilter], silent: [String]) {
            let table = try IPTablesTable(.filter, family)
            // IPv4 has no neighbour discovery that filters could stop.
            let silent =
                family == .ipv4
                ? []
                : bridges.filter { bridge in
                    DiscoveryPacket.types.contains {
                        table.stops(DiscoveryPacket(bridge: bridge, type: $0))
                    }
                }
            return (table.foreignFilters(), silent)
        }
        guard let (chains, silent) = try? read() else { return }
        let program = family == .ipv4 ? "iptables-legacy" : "ip6tables-legacy"
        for filter in chains {
            let chain = ForeignChain(
                manager: .legacy(program: program),
                name: filter.name,
                place: "\(family.rawValue) filter \(filter.name)"
            )
            add(filter, chain, path)
            if filter.hook == .forward { addDiscovery(chain, silent) }
        }
    }

    private mutating func checkForeignChains(
        _ families: [IPFamily],
        _ path: Path,
        _ bridges: [String],
        _ ownership: Ownership
    ) {
        var path = path
        path.acceptsForwarded = false
        do throws(DataplaneError) {
            var reader = try NFTForeignChains(families, ownership)
            let bases = try reader.bases()
            for base in bases {
                checkPanic(base)
                guard let filter = try reader.filter(base), filter.obstacle != nil else { continue }
                let chain = try reader.chain(base, bases)
                add(filter, chain, path)
                guard filter.hook == .forward, base.family != "ip" else { continue }
                var silent: [String] = []
                for bridge in bridges {
                    for type in DiscoveryPacket.types where silent.last != bridge {
                        let packet = DiscoveryPacket(bridge: bridge, type: type)
                        if try reader.stops(packet, base) { silent.append(bridge) }
                    }
                }
                addDiscovery(chain, silent)
            }
        } catch {
            // The mode's own findings report what cannot be read.
        }
    }

    /// A table whose chains have policy drop, and hardly any rules.
    private static let panicTable = "firewalld_policy_drop"

    mutating func checkPanic(_ base: NFTForeignChains.Base) {
        guard base.table == Self.panicTable, base.dropsByPolicy,
            !findings.contains(where: { $0.cure == .endPanic })
        else { return }
        add(
            .note,
            "\(base.family) \(base.table) (firewalld)",
            "firewalld's panic mode: every packet is dropped, before any rule of Services; to end it",
            .endPanic
        )
    }

    private mutating func add(_ filter: ForeignFilter, _ chain: ForeignChain, _ path: Path) {
        guard let obstacle = filter.obstacle else { return }
        switch filter.hook {
        case .forward where !path.passesInput:
            guard !filter.acceptsTranslated else { return }
            let what =
                path.acceptsForwarded
                ? "connections that keep their source (from pods, or policy Local)"
                : "connections to Services through this node"
            add(
                .note,
                chain.subject,
                "\(obstacle) \(what) unless an earlier rule accepts them; to let them pass",
                .acceptTranslated(in: chain)
            )
        case .input where path.passesInput:
            add(
                .note,
                chain.subject,
                "\(obstacle) connections to Services unless an earlier rule accepts them: accept Service addresses, and node ports, there"
            )
        case .forward:
            // Only replies are forwarded, and in legacy FORWARD our own rules accept them.
            guard !path.acceptsForwarded, !filter.acceptsEstablished else { return }
            add(
                .note,
                chain.subject,
                "\(obstacle) endpoints' replies unless an earlier rule accepts them: accept established connections there"
            )
        case .input: return
        }
    }

    // MARK: - Neighbour discovery

    /// Bridges with an IPv6 address, which may have pods, if bridged packets pass the rules.
    private static func filteredBridges() -> [String] {
        guard (try? Sysctl.read("net.bridge.bridge-nf-call-ip6tables")) == "1",
            let addresses = try? LocalAddresses.observe(),
            var socket = try? RoutingSocket(NetlinkTraffic())
        else { return [] }
        let links = Set(addresses.filter { $0.isForPods }.map(\.interface))
        return links.sorted().filter { ShellArgument.isPlain($0) && socket.isBridge($0) }
    }

    private mutating func addDiscovery(_ chain: ForeignChain, _ bridges: [String]) {
        guard !bridges.isEmpty else { return }
        add(
            .note,
            chain.subject,
            "stops IPv6 neighbour discovery between ports of \(bridges.joined(separator: ", ")), as net.bridge.bridge-nf-call-ip6tables is 1: pods there cannot find each other, and connections between them hang; to let it pass",
            .acceptDiscovery(in: chain, bridges: bridges)
        )
    }

    // MARK: - Settings

    private mutating func checkReversePath() {
        func value(_ link: String) -> Int {
            (try? Sysctl.read("net/ipv4/conf/\(link)/rp_filter")).flatMap { Int($0) } ?? 0
        }
        let all = value("all")
        // The kernel takes the greater of the two (ip-sysctl.rst): 1 is strict, 2 is loose.
        let links = Set(
            ((try? LocalAddresses.observe()) ?? []).filter { !$0.isLoopback }.map(\.interface)
        )
        let strict = links.sorted().filter { max(all, value($0)) == 1 }
        guard !strict.isEmpty else { return }
        let shown = strict.prefix(4).joined(separator: ", ") + (strict.count > 4 ? " …" : "")
        add(
            .note,
            "net.ipv4.conf.*.rp_filter",
            "1 on \(shown): drops packets that arrive by another link than replies leave by, such as those from pods behind a tunnel to a node port here; to let them pass",
            .looseReversePath
        )
    }
}

/// A foreign chain that may stop packets.
struct ForeignFilter: Equatable {
    enum Hook: Equatable {
        case input
        case forward
    }

    var name: String
    var hook: Hook
    var dropsByPolicy = false
    /// `drop` or `reject`, if the last rule does that to all packets.
    var finalVerdict: String?
    /// A rule accepts connections whose destination was translated, without other conditions.
    var acceptsTranslated = false
    /// A rule accepts established connections.
    var acceptsEstablished = false
    /// A rule accepts all packets that reach it.
    var acceptsEverything = false

    /// What stops packets that no rule accepts, as the beginning of a sentence; nil if they pass.
    var obstacle: String? {
        if acceptsEverything { return nil }
        if let finalVerdict { return "its last rule (\(finalVerdict)) stops" }
        return dropsByPolicy ? "its policy (drop) stops" : nil
    }
}

extension LocalAddress {
    /// An IPv6 address that is neither link-local nor of the loopback interface.
    fileprivate var isForPods: Bool {
        address.family == .ipv6 && !isLoopback && !address.isLinkLocal
    }
}

extension RoutingSocket {
    fileprivate mutating func isBridge(_ name: String) -> Bool {
        (try? link(name))??.kind == "bridge"
    }
}
