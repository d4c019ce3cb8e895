import Addressing
import DataplaneModel
import Glibc
import HostFacts
import KubeProxyRemoval
import Testing
import XTables

/// kube-proxy's rules and those of others, written with the kernel's own tools.
@Suite("KubeProxyRules")
@KernelThread
struct KubeProxyRulesTests {
    private static let lock = TestDirectory.lock
    private let configuration = XTablesLock.Configuration(path: Self.lock, timeout: .seconds(5))

    /// Which program's backend kube-proxy used.
    enum Backend: String, CaseIterable { case legacy, nft }

    private func program(_ family: IPFamily, _ backend: Backend, _ verb: String) -> String {
        "\(family == .ipv4 ? "iptables" : "ip6tables")-\(backend.rawValue)-\(verb)"
    }

    private func restore(_ text: String, _ family: IPFamily, _ backend: Backend) throws {
        let arguments = [program(family, backend, "restore"), "--noflush"]
        try Program.check(Program.locking(Self.lock, arguments), input: text)
    }

    /// Everything the kernel holds, with handles and counters.
    private func everything() throws -> [String] {
        var text = try Program.check(["nft", "-a", "list", "ruleset"])
        text += try Program.check(["ipset", "save"])
        for family in IPFamily.allCases {
            let save = [program(family, .legacy, "save"), "-c"]
            text += try Program.check(Program.locking(Self.lock, save))
        }
        return text.split(separator: "\n").map(String.init).filter { !$0.hasPrefix("#") }
    }

    @Test(
        "All modes' rules go, and those of neighbours stay byte for byte",
        arguments: Backend.allCases
    )
    func removal(_ backend: Backend) throws {
        try NetworkNamespace.enterNew()
        for family in IPFamily.allCases {
            try restore(KubeProxyLayout(family: family).neighbours, family, backend)
        }
        try Program.check(["nft", "-f", "-"], input: KubeProxyLayout.otherTables)
        try Program.check(["ipset", "restore"], input: KubeProxyLayout.otherSets)
        let before = try everything()
        for family in IPFamily.allCases {
            let layout = KubeProxyLayout(family: family)
            try Program.check(["ipset", "restore"], input: layout.sets)
            try restore(layout.rules, family, backend)
            // A rule that asks a set keeps it from being destroyed.
            let set = family == .ipv4 ? "KUBE-CLUSTER-IP" : "KUBE-6-CLUSTER-IP"
            try restore(
                "*nat\n-A KUBE-SERVICES -m set --match-set \(set) dst,dst -j RETURN\nCOMMIT\n",
                family,
                backend
            )
            try Program.check(["nft", "-f", "-"], input: layout.table)
        }
        let full = try everything()
        for family in IPFamily.allCases {
            let rules = try KubeProxyRules(family, lock: configuration)
            // 8 jumps and 20 chains, a table, 5 sets.
            #expect(rules.descriptions.count == 8 + 20 + 1 + 5)
            if family == .ipv4 { #expect(try everything() == full) }
            let report = rules.remove()
            #expect(report.failures == [])
            #expect(report.operations == rules.descriptions.count)
            let again = try KubeProxyRules(family, lock: configuration)
            #expect(again.descriptions == [])
            #expect(again.remove() == ApplyReport())
        }
        #expect(try everything() == before)
    }

    @Test(
        "A chain to which a foreign rule jumps stays, empty, and all others go",
        arguments: Backend.allCases
    )
    func foreignReference(_ backend: Backend) throws {
        try NetworkNamespace.enterNew()
        try restore(KubeProxyLayout(family: .ipv4).rules, .ipv4, backend)
        let mine = "*nat\n:MINE - [0:0]\n-A MINE -j KUBE-SVC-BBBBBBBBBBBBBBB3\nCOMMIT\n"
        try restore(mine, .ipv4, backend)
        let report = try KubeProxyRules(.ipv4, lock: configuration).remove()
        #expect(report.failures.count == 1)
        #expect(report.failures.first?.subject.contains("KUBE-SVC-BBBBBBBBBBBBBBB3") == true)
        let save = [program(.ipv4, backend, "save"), "-t", "nat"]
        let lines = try Program.check(Program.locking(Self.lock, save)).split(separator: "\n")
        let kept = lines.filter { $0.contains("KUBE") }
        #expect(
            kept == [":KUBE-SVC-BBBBBBBBBBBBBBB3 - [0:0]", "-A MINE -j KUBE-SVC-BBBBBBBBBBBBBBB3"]
        )
    }

    @Test(
        "What needs no lock goes while another program holds it, and sets of remaining rules stay"
    )
    func heldLock() throws {
        try NetworkNamespace.enterNew()
        let layout = KubeProxyLayout(family: .ipv4)
        try Program.check(["ipset", "restore"], input: layout.sets)
        try restore(layout.rules, .ipv4, .legacy)
        try Program.check(["nft", "-f", "-"], input: layout.table)
        let held = open(Self.lock, O_RDONLY | O_CREAT, 0o600)
        #expect(flock(held, LOCK_EX) == 0)
        let impatient = XTablesLock.Configuration(path: Self.lock, timeout: .zero)
        let report = try KubeProxyRules(.ipv4, lock: impatient).remove()
        close(held)
        #expect(report.failures.map(\.kind) == [.locked])
        #expect(report.operations == 1)
        let rest = try KubeProxyRules(.ipv4, lock: configuration)
        #expect(rest.descriptions.allSatisfy { !$0.contains("nftables") })
        #expect(rest.descriptions.count { $0.hasPrefix("set ") } == 5)
        let second = rest.remove()
        #expect(second.failures == [] && second.operations == rest.descriptions.count)
    }

    @Test("Where there is nothing of it, no table is made")
    func nothing() throws {
        try NetworkNamespace.enterNew()
        for family in IPFamily.allCases {
            #expect(try KubeProxyRules(family, lock: configuration).descriptions == [])
        }
        let tables = try Program.check(["cat", "/proc/net/ip_tables_names"])
        #expect(tables == "")
    }
}
