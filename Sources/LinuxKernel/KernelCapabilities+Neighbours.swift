package import Addressing
import DataplaneModel

extension KernelCapabilities {
    /// How a mode's packets meet other programs' filters on this host.
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

    /// Rules and settings of others that stand in the way of Services, each with what to change.
    /// Reads only; nothing that cannot be read is reported, as the mode's own findings tell that.
    package static func neighbours(_ families: [IPFamily], _ path: Path) -> [Finding] {
        var capabilities = KernelCapabilities()
        for family in families { capabilities.checkLegacyFilter(family, path) }
        capabilities.checkForeignChains(families, path)
        if families.contains(.ipv4) { capabilities.checkReversePath() }
        capabilities.checkConntrackRoom()
        return capabilities.findings
    }

    // MARK: - Filters

    private mutating func checkLegacyFilter(_ family: IPFamily, _ path: Path) {
        // To look into a table that nobody has used would make it.
        guard LegacyTables.used(family).contains(.filter) else { return }
        let program = family == .ipv4 ? "iptables-legacy" : "ip6tables-legacy"
        func chains() throws(DataplaneError) -> [ForeignFilter] {
            switch family {
            case .ipv4: try IPTablesTable<IPv4Tables>(.filter).foreignFilters()
            case .ipv6: try IPTablesTable<IPv6Tables>(.filter).foreignFilters()
            }
        }
        guard let chains = try? chains() else { return }
        for chain in chains {
            let subject = "\(family.rawValue) filter \(chain.name) (\(program))"
            let cure = "\(program) -I \(chain.name) -m conntrack --ctstate DNAT -j ACCEPT"
            add(chain, subject, path, cure)
        }
    }

    private mutating func checkForeignChains(_ families: [IPFamily], _ path: Path) {
        guard let chains = try? NFTForeignChains(families).filters() else { return }
        for chain in chains {
            let place = "\(chain.family) \(NFTForeignChains.shown(chain.table))"
            let name = NFTForeignChains.shown(chain.filter.name)
            var path = path
            path.acceptsForwarded = false
            add(
                chain.filter,
                "\(place) \(name) (nftables)",
                path,
                "nft insert rule \(place) \(name) ct status dnat accept"
            )
        }
    }

    /// `cure` is a command that lets translated connections pass the chain.
    private mutating func add(
        _ chain: ForeignFilter,
        _ subject: String,
        _ path: Path,
        _ cure: String
    ) {
        guard let obstacle = chain.obstacle else { return }
        switch chain.hook {
        case .forward where !path.passesInput:
            guard !chain.acceptsTranslated else { return }
            let what =
                path.acceptsForwarded
                ? "connections that keep their source (from pods, or policy Local)"
                : "connections to Services through this node"
            add(
                .note,
                subject,
                "\(obstacle) \(what) unless a rule before accepts them; to let them pass: \(cure)"
            )
        case .input where path.passesInput:
            add(
                .note,
                subject,
                "\(obstacle) connections to Services unless a rule before accepts them: accept Service addresses, and node ports, there"
            )
        case .forward:
            // Replies are all that is forwarded, and legacy FORWARD accepts them by our own rules.
            guard !path.acceptsForwarded, !chain.acceptsEstablished else { return }
            add(
                .note,
                subject,
                "\(obstacle) endpoints' replies unless a rule before accepts them: accept established connections there"
            )
        case .input: return
        }
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
            "1 on \(shown): drops what comes in by another link than the way back, as pods behind a tunnel do that use a node port here; sysctl -w net.ipv4.conf.all.rp_filter=2"
        )
    }
}

/// A chain of somebody else's that may stop packets.
struct ForeignFilter: Equatable {
    enum Hook: Equatable {
        case input
        case forward
    }

    var name: String
    var hook: Hook
    var dropsByPolicy = false
    /// `drop` or `reject`, where the last rule does that with everything.
    var lastWord: String?
    /// A rule accepts connections whose destination was translated, without other conditions.
    var acceptsTranslated = false
    /// A rule accepts established connections.
    var acceptsEstablished = false
    /// A rule accepts what gets as far as it.
    var acceptsEverything = false

    /// What happens to packets that no rule accepts, as a beginning of a sentence; nil if they
    /// pass.
    var obstacle: String? {
        if acceptsEverything { return nil }
        if let lastWord { return "its last rule (\(lastWord)) stops" }
        return dropsByPolicy ? "its policy (drop) stops" : nil
    }
}
