/// How to resolve a finding: shell commands that root runs in the checked network namespace.
///
/// Every command that `fairlead check` prints comes from here, so that a test can walk the kinds
/// and run each.
package struct Cure: Sendable, Equatable {
    package enum Kind: String, Sendable, CaseIterable {
        case acceptTranslatedInLegacyTables
        case acceptTranslatedInIPTablesNFT
        case acceptTranslatedInNFTables
        case acceptDiscoveryInLegacyTables
        case acceptDiscoveryInIPTablesNFT
        case acceptDiscoveryInNFTables
        case trustBridgeInFirewalld
        case endPanicOfFirewalld
        case passBridgedPackets
        case looseReversePath
        case loadModule
    }

    package let kind: Kind
    package let command: String

    private init(_ kind: Kind, _ command: String) {
        self.kind = kind
        self.command = command
    }

    /// Lets connections pass whose destination was translated, ahead of the chain's other rules.
    package static func acceptTranslated(in chain: ForeignChain) -> Cure {
        let rule = "-m conntrack --ctstate DNAT -j ACCEPT"
        switch chain.manager {
        case .legacy(let program):
            return Cure(.acceptTranslatedInLegacyTables, "\(program) -I \(chain.name) \(rule)")
        case .iptablesNFT(let program):
            return Cure(.acceptTranslatedInIPTablesNFT, "\(program) -I \(chain.name) \(rule)")
        case .firewalld, .nftables:
            return Cure(
                .acceptTranslatedInNFTables,
                "nft insert rule \(chain.place) ct status dnat accept"
            )
        }
    }

    /// Lets neighbour solicitations and advertisements pass between the ports of bridges.
    package static func acceptDiscovery(in chain: ForeignChain, bridges: [String]) -> Cure {
        func rules(_ program: String) -> String {
            ["neighbour-solicitation", "neighbour-advertisement"].map {
                "\(program) -I \(chain.name) -p ipv6-icmp --icmpv6-type \($0) -j ACCEPT"
            }.joined(separator: " && ")
        }
        switch chain.manager {
        case .legacy(let program):
            return Cure(.acceptDiscoveryInLegacyTables, rules(program))
        case .iptablesNFT(let program):
            return Cure(.acceptDiscoveryInIPTablesNFT, rules(program))
        case .firewalld:
            // firewalld recreates its table at each reload, and may own it (`flags owner`).
            let commands = bridges.flatMap { bridge in
                ["", "--permanent "].map {
                    "firewall-cmd \($0)--zone=trusted --add-interface=\(bridge)"
                }
            }
            return Cure(.trustBridgeInFirewalld, commands.joined(separator: " && "))
        case .nftables:
            return Cure(
                .acceptDiscoveryInNFTables,
                "nft insert rule \(chain.place) icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept"
            )
        }
    }

    package static let endPanic = Cure(.endPanicOfFirewalld, "firewall-cmd --panic-off")

    /// `name` is net.bridge.bridge-nf-call-…
    package static func passBridgedPackets(_ name: String) -> Cure {
        Cure(.passBridgedPackets, "sysctl -w \(name)=1")
    }

    package static let looseReversePath = Cure(
        .looseReversePath,
        "sysctl -w net.ipv4.conf.all.rp_filter=2"
    )

    package static func loadModule(_ name: String) -> Cure { Cure(.loadModule, "modprobe \(name)") }

    /// For something that the kernel lacks: its module, or the option that builds it in.
    package static func missing(_ module: String, _ option: String) -> String {
        "\(loadModule(module).command), or a kernel built with \(option)"
    }
}
