package import Addressing
package import DataplaneModel
import Glibc
import HostFacts
import NFTables

extension KernelCapabilities {
    /// Checks everything that nftables mode depends on. Changes nothing: the kernel checks a transaction
    /// and discards it, for which it may load modules.
    package static func nftables(
        families: [IPFamily],
        _ ownership: Ownership
    ) -> [Finding] {
        var capabilities = KernelCapabilities()
        capabilities.checkVersion()
        for family in families {
            capabilities.checkNFTables(family, ownership)
            capabilities.checkForwarding(family)
        }
        capabilities.checkBridges(families)
        return capabilities.findings
    }

    /// Whether the kernel has all that nftables mode needs in a family; true if that cannot be checked.
    package static func hasNFTables(_ family: IPFamily, _ ownership: Ownership) -> Bool {
        (try? NFTRehearsal(family, ownership).missing().isEmpty) ?? true
    }

    private static let oldest = KernelVersion(5, 13)

    private mutating func checkVersion() {
        let release = KernelVersion.release
        guard let version = KernelVersion(release: release) else {
            add(.note, "kernel", "\(release): unknown whether this is \(Self.oldest) or later")
            return
        }
        if version >= Self.oldest {
            add(.good, "kernel", release)
        } else {
            add(.failure, "kernel", "\(release): nftables mode needs \(Self.oldest) or later")
        }
    }

    private mutating func checkNFTables(_ family: IPFamily, _ ownership: Ownership) {
        let subject = "\(family.rawValue) nftables"
        do throws(DataplaneError) {
            let missing = try NFTRehearsal(family, ownership).missing()
            if missing.isEmpty {
                add(.good, subject, "all that its rules need")
            } else {
                add(.failure, subject, "missing: \(missing.joined(separator: "; "))")
            }
        } catch {
            findings.append(Finding(subject, refusal: error))
        }
    }
}

/// The parts of nftables mode, which the kernel checks together, and one by one if it lacks any of them.
///
/// Discarding a transaction takes the kernel an RCU grace period, 10 to 20 ms, whatever its size.
package struct NFTRehearsal {
    private let family: IPFamily
    private let table: String
    private let connection: NFTConnection

    /// How often something was sent to the kernel.
    package var sendCount: Int { connection.sendCount }

    /// A feature that a kernel may lack, and how to get it.
    private struct Part {
        var name: String
        var cure: String
        /// Whether its rules use the maps that all parts have in common.
        var usesMaps = false
        var steps: [NFTStep]
    }

    /// Opens a socket in the namespace of this thread.
    ///
    /// - Throws: `DataplaneError` if there is none to be had.
    package init(_ family: IPFamily, _ ownership: Ownership) throws(DataplaneError) {
        connection = try NFTConnection(family)
        self.family = family
        table = ownership.table
    }

    /// The features that the kernel lacks, each with its cure.
    package func missing() throws(DataplaneError) -> [String] {
        _ = try connection.generation()
        let parts = parts
        let steps = parts.flatMap(\.steps)
        var whole = NFTTransaction(family, table, [.makeTable] + Self.maps + steps)
        guard try !connection.rehearse(&whole).isEmpty else { return [] }
        var missing: [String] = []
        for part in parts {
            let needed = part.usesMaps ? Self.maps : []
            var transaction = NFTTransaction(family, table, [.makeTable] + needed + part.steps)
            let refusals = try connection.rehearse(&transaction)
            guard let refusal = refusals.first else { continue }
            let error = DataplaneError.nftables([refusal], transaction)
            if error.kind == .notPermitted { throw error }
            missing.append("\(part.name) (\(error.message ?? "refused")): \(part.cure)")
            // Without tables of this family all other features are missing as well.
            if part.steps.isEmpty { break }
        }
        return missing
    }

    private static let ranges = NFTSetName("probe-ranges")
    private static let map = NFTSetName("probe")
    private static let socketMap = NFTSetName("probe-sockets")
    private static let verdictMap = NFTSetName("probe-verdicts")

    private var parts: [Part] {
        let suffix = family == .ipv4 ? "ipv4" : "ipv6"
        let upper = suffix.uppercased()
        return [
            Part(
                name: "tables",
                cure: "a kernel built with CONFIG_NF_TABLES_\(upper)",
                steps: []
            ),
            Part(
                name: "sets of ranges in several fields",
                cure: "kernel 5.6 or later",
                steps: [
                    .makeSet(
                        NFTSet(Self.ranges, NFTSetShape([.port, .address], isInterval: true))
                    )
                ]
            ),
            Part(
                name: "maps that rules fill",
                cure: "a kernel built with CONFIG_NF_TABLES",
                usesMaps: true,
                steps: rules(
                    "update",
                    [
                        .update(Self.map, key: [.priority], data: .priority, timeoutSeconds: 1),
                        .delete(Self.map, key: [.priority], data: .priority),
                    ]
                )
            ),
            part("ct", "nft_ct", "CONFIG_NFT_CT", .connectionState(.new), .translated),
            part(
                "fib",
                "nft_fib_\(suffix)",
                "CONFIG_NFT_FIB_\(upper)",
                .isLocal(.source)
            ),
            part(
                "numgen",
                "nft_numgen",
                "CONFIG_NFT_NUMGEN",
                .setPriorityFromMap([.random(2)], Self.map),
                .setPriorityFromMap([.roundRobin(2)], Self.map)
            ),
            part(
                "hash",
                "nft_hash",
                "CONFIG_NFT_HASH",
                .setPriorityFromMap(
                    [.hash([.address(.source)], modulus: 2, seed: 1)],
                    Self.map
                )
            ),
            part(
                "reject",
                "nft_reject_\(suffix)",
                "CONFIG_NFT_REJECT and CONFIG_NFT_REJECT_\(upper)",
                .reject
            ),
            natPart("masq", "nft_masq", "CONFIG_NFT_MASQ", .postrouting, [.masquerade]),
            natPart(
                "nat",
                "nft_nat",
                "CONFIG_NFT_NAT",
                .prerouting,
                [.destinationNAT([.priority], Self.socketMap)]
            ),
            part(
                "lookup",
                "nf_tables",
                "CONFIG_NF_TABLES",
                .mark(PacketMark(bit: 1)),
                .transports([.tcp, .udp, .sctp]),
                .setMarkBits(1),
                .verdictMap([.maskedPriority(1)], Self.verdictMap)
            ),
        ]
    }

    private func part(
        _ name: String,
        _ module: String,
        _ option: String,
        _ statements: NFTStatement...
    ) -> Part {
        Part(
            name: name,
            cure: Cure.missing(module, option),
            usesMaps: true,
            steps: rules(name, statements)
        )
    }

    /// The kernel accepts each kind of translation only at certain hooks.
    private func natPart(
        _ name: String,
        _ module: String,
        _ option: String,
        _ place: NFTHook.Place,
        _ statements: [NFTStatement]
    ) -> Part {
        let hook = NFTHook(.nat, place, priority: place == .prerouting ? -100 : 100)
        return Part(
            name: name,
            cure: Cure.missing(module, option),
            usesMaps: true,
            steps: rules(name, statements, hook)
        )
    }

    private static let maps: [NFTStep] = {
        let numbers = NFTSetShape([.classID], mapping: .fields([.classID]), isDynamic: true)
        let sockets = NFTSetShape([.classID], mapping: .fields([.address, .port]))
        let chains = NFTSetShape([.classID], mapping: .verdict)
        return [
            .makeSet(NFTSet(map, numbers)),
            .makeSet(NFTSet(socketMap, sockets)),
            .makeSet(NFTSet(verdictMap, chains)),
        ]
    }()

    /// Rules in a chain of their own.
    private func rules(
        _ name: String,
        _ statements: [NFTStatement],
        _ hook: NFTHook? = nil
    ) -> [NFTStep] {
        let chain = NFTChainName("probe-\(name)")
        return [
            .makeChain(NFTChain(chain, hook: hook, rules: [])),
            .fill(NFTChain(chain, rules: statements.map { NFTRule($0) })),
        ]
    }
}
