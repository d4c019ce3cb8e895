package import Addressing
import CIPTables
import DataplaneModel
import Glibc
package import HostFacts
import NFTables
import SystemCalls
import XTables

/// The capabilities and settings of this thread's network namespace that a proxy mode depends on.
package struct KernelCapabilities: Sendable {
    /// The result of one check.
    package struct Finding: Sendable, Equatable {
        package enum Level: String, Sendable, Comparable {
            case good
            case note
            case failure

            package static func < (left: Level, right: Level) -> Bool {
                left.rank < right.rank
            }

            private var rank: Int { self == .good ? 0 : self == .note ? 1 : 2 }
        }

        package var level: Level
        package var subject: String
        /// Ends with the cure's command, if there is a cure.
        package var detail: String
        package var cure: Cure?

        /// With a cure, `detail` must end with its purpose: "to let them pass".
        package init(_ level: Level, _ subject: String, _ detail: String, _ cure: Cure? = nil) {
            self.level = level
            self.subject = subject
            self.detail = cure.map { "\(detail), run: \($0.command)" } ?? detail
            self.cure = cure
        }
    }

    package internal(set) var findings: [Finding] = []

    /// Checks everything that iptables mode depends on, for the given families. Changes nothing, but may
    /// make the kernel load the module of a table or a match.
    package init(families: [IPFamily]) {
        self.init(families: families, tables: [.filter, .nat], extensions: Self.extensions)
        checkRuleSettings()
    }

    /// The checks for rules in some legacy tables with some matches and targets.
    init(families: [IPFamily], tables: [TableName], extensions: [RuleExtension]) {
        for family in families {
            checkTables(tables, family)
            checkExtensions(extensions, family)
            checkForwarding(family)
        }
        checkOtherIPTables(families)
        checkBridges(families)
    }

    /// Nothing is checked yet.
    init() {}

    mutating func add(
        _ level: Finding.Level,
        _ subject: String,
        _ detail: String,
        _ cure: Cure? = nil
    ) {
        findings.append(Finding(level, subject, detail, cure))
    }

    // MARK: - Requirements

    private mutating func checkTables(_ tables: [TableName], _ family: IPFamily) {
        let subject = "\(family.rawValue) legacy tables"
        do throws(DataplaneError) {
            for table in tables { _ = try TableFingerprint(of: table, family) }
            add(.good, subject, tables.map(\.rawValue).joined(separator: ", "))
        } catch {
            findings.append(Finding(subject, refusal: error, "\(error)"))
        }
    }

    /// A match or target, in the revision in which `RuleCodec` writes it.
    struct RuleExtension {
        var name: String
        var revision: UInt8
        var isTarget = false
        /// How to get it if the kernel lacks it.
        var cure: String?

        init(_ name: String, _ revision: UInt8, isTarget: Bool = false, cure: String? = nil) {
            self.name = name
            self.revision = revision
            self.isTarget = isTarget
            self.cure = cure
        }
    }

    /// The matches and targets of iptables mode.
    static let extensions = [
        RuleExtension("tcp", 0), RuleExtension("udp", 0), RuleExtension("sctp", 0),
        RuleExtension("conntrack", 3), RuleExtension("mark", 1), RuleExtension("addrtype", 1),
        RuleExtension("statistic", 0), RuleExtension("recent", 1), RuleExtension("bpf", 1),
        RuleExtension("DNAT", 2, isTarget: true), RuleExtension("MASQUERADE", 0, isTarget: true),
        RuleExtension("MARK", 2, isTarget: true), RuleExtension("REJECT", 0, isTarget: true),
    ]

    private mutating func checkExtensions(_ wanted: [RuleExtension], _ family: IPFamily) {
        let subject = "\(family.rawValue) matches and targets"
        do throws(DataplaneError) {
            let socket = try XTablesSocket(family)
            var missing: [RuleExtension] = []
            for part in wanted {
                let isThere = try socket.has(part.name, part.revision, target: part.isTarget)
                if !isThere { missing.append(part) }
            }
            guard !missing.isEmpty else {
                add(.good, subject, "all \(wanted.count)")
                return
            }
            let names = missing.map {
                "\($0.name) (revision \($0.revision)\($0.cure.map { ": \($0)" } ?? ""))"
            }
            add(.failure, subject, "missing: \(names.joined(separator: ", "))")
        } catch {
            findings.append(Finding(subject, refusal: error, "\(error)"))
        }
    }

    // MARK: - Recommendations

    mutating func checkForwarding(_ family: IPFamily) {
        let name = family == .ipv4 ? "net.ipv4.ip_forward" : "net.ipv6.conf.all.forwarding"
        switch value(name) {
        case "1": add(.good, name, "1")
        // Without IPv6 there are no such parameters, and nothing is forwarded.
        case nil where family == .ipv6 && value("net.ipv6.conf.all.disable_ipv6") == nil:
            add(.good, name, "this host has no IPv6")
        case let other:
            add(
                .note,
                name,
                "\(other ?? "unreadable"): this node does not forward; only its own processes can reach endpoints elsewhere"
            )
        }
    }

    private mutating func checkOtherIPTables(_ families: [IPFamily]) {
        let subject = "nft-backed iptables"
        do throws(DataplaneError) {
            let tables = try NFTablesTables.names(families).filter {
                ["filter", "nat", "mangle", "raw"].contains($0.name)
            }
            guard !tables.isEmpty else {
                add(.good, subject, "no rules")
                return
            }
            let names = tables.map { "\($0.family.rawValue) \($0.name)" }.joined(separator: ", ")
            add(
                .note,
                subject,
                "in use (\(names)): those rules apply as well as Fairlead's, which iptables-legacy shows and iptables-nft does not"
            )
        } catch {
            let words = Finding(subject, refusal: error, "unknown: \(error)").detail
            add(.note, subject, words)
        }
    }

    mutating func checkBridges(_ families: [IPFamily]) {
        for family in families {
            let name =
                "net.bridge.bridge-nf-call-\(family == .ipv4 ? "iptables" : "ip6tables")"
            guard let bridge = value(name), bridge != "1" else { continue }
            add(
                .note,
                name,
                "\(bridge): replies between pods on one bridge bypass the rules, and connections hang; if pods are bridged",
                .passBridgedPackets(name)
            )
        }
    }

    /// Settings that only iptables mode depends on.
    private mutating func checkRuleSettings() {
        let limit = "/sys/module/xt_recent/parameters/ip_list_tot"
        if let total = Self.file(limit), let number = Int(total), number < 1000 {
            add(
                .note,
                "xt_recent ip_list_tot",
                "\(number): session affinity remembers that many clients per endpoint; load xt_recent with a higher number if that is too low"
            )
        }
        if let liberal = value("net.netfilter.nf_conntrack_tcp_be_liberal") {
            add(
                .good,
                "net.netfilter.nf_conntrack_tcp_be_liberal",
                liberal == "1" ? "1" : "\(liberal): invalid forwarded packets are dropped"
            )
        }
    }

    private func value(_ sysctl: String) -> String? { try? Sysctl.read(sysctl) }

    private static func file(_ path: String) -> String? {
        guard let bytes = try? WholeFile.read(path, limit: 1 << 20) else { return nil }
        return String(decoding: bytes.prefix { $0 != 0x0a }, as: UTF8.self)
    }
}

extension XTablesSocket {
    /// Whether the kernel has a match or target in a revision; it loads the module to find out. The
    /// corresponding request is `IPT_SO_GET_REVISION_MATCH` or `…_TARGET` (struct
    /// xt_get_revision).
    ///
    /// - Throws: `.notPermitted` without CAP_NET_ADMIN.
    func has(_ name: String, _ revision: UInt8, target: Bool) throws(DataplaneError) -> Bool {
        var request = xt_get_revision()
        unsafe withUnsafeMutableBytes(of: &request.name) { bytes in
            for (index, byte) in name.utf8.enumerated() { unsafe bytes[index] = byte }
        }
        request.revision = revision
        let option =
            isIPv4
            ? (target ? IPT_SO_GET_REVISION_TARGET : IPT_SO_GET_REVISION_MATCH)
            : (target ? IP6T_SO_GET_REVISION_TARGET : IP6T_SO_GET_REVISION_MATCH)
        let error = get(Int32(option), into: &request)
        guard error != EPERM else { throw .system("getsockopt", name, error) }
        return error == 0
    }
}
