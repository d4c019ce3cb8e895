import Addressing
import ServiceModel

/// The usual layout of iptables proxies, for comparison: a linear dispatch chain, a chain per
/// Service, a chain per endpoint, and a comment on every rule.
struct ClassicLayout {
    let workload: Workload

    /// Text for `iptables-legacy-restore` that loads everything.
    var full: String {
        var text = "*nat\n"
        let all = 0..<workload.services
        text += ":KUBE-SERVICES - [0:0]\n:KUBE-POSTROUTING - [0:0]\n:KUBE-MARK-MASQ - [0:0]\n"
        for index in all {
            text += ":\(serviceChain(index)) - [0:0]\n"
            for member in 0..<workload.endpoints {
                text += ":\(endpointChain(index, member)) - [0:0]\n"
            }
        }
        text +=
            "-A PREROUTING -m comment --comment \"kubernetes service portals\" -j KUBE-SERVICES\n"
        text += "-A OUTPUT -m comment --comment \"kubernetes service portals\" -j KUBE-SERVICES\n"
        text +=
            "-A POSTROUTING -m comment --comment \"kubernetes postrouting rules\" -j KUBE-POSTROUTING\n"
        text += staticRules
        for index in all { appendDispatch(index, to: &text) }
        for index in all { appendVirtualServer(index, members: workload.endpoints, to: &text) }
        return text + "COMMIT\n"
    }

    /// Text for `iptables-legacy-restore --noflush` that gives the middle Service `members`
    /// endpoints: its own chains and nothing else, the least that such a proxy writes.
    func change(members: Int) -> String {
        let index = workload.services / 2
        var text = "*nat\n:\(serviceChain(index)) - [0:0]\n"
        for member in 0..<workload.endpoints {
            text += ":\(endpointChain(index, member)) - [0:0]\n"
        }
        appendVirtualServer(index, members: members, to: &text)
        for member in members..<workload.endpoints {
            text += "-X \(endpointChain(index, member))\n"
        }
        return text + "COMMIT\n"
    }

    private var staticRules: String {
        """
        -A KUBE-MARK-MASQ -j MARK --or-mark 0x4000
        -A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN
        -A KUBE-POSTROUTING -j MARK --xor-mark 0x4000
        -A KUBE-POSTROUTING -m comment --comment "kubernetes service traffic requiring SNAT" -j MASQUERADE --random-fully

        """
    }

    private func appendDispatch(_ index: Int, to text: inout String) {
        text +=
            "-A KUBE-SERVICES -m comment --comment \"bench/service-\(index) cluster IP\" -m tcp -p tcp -d \(workload.clusterIP(index)) --dport 80 -j \(serviceChain(index))\n"
    }

    private func appendVirtualServer(_ index: Int, members: Int, to text: inout String) {
        let chain = serviceChain(index)
        text +=
            "-A \(chain) -m comment --comment \"bench/service-\(index) cluster IP\" -m tcp -p tcp -d \(workload.clusterIP(index)) --dport 80 ! -s 10.128.0.0/9 -j KUBE-MARK-MASQ\n"
        for member in 0..<members {
            let endpoint = workload.endpoint(index, member)
            let endpointChain = endpointChain(index, member)
            let comment = "-m comment --comment \"bench/service-\(index)"
            let left = members - member
            let chance =
                left == 1 ? "" : " -m statistic --mode random --probability \(probability(left))"
            text += "-A \(chain) \(comment) -> \(endpoint):8080\"\(chance) -j \(endpointChain)\n"
            text += "-A \(endpointChain) \(comment)\" -s \(endpoint) -j KUBE-MARK-MASQ\n"
            text +=
                "-A \(endpointChain) \(comment)\" -m tcp -p tcp -j DNAT --to-destination \(endpoint):8080\n"
        }
    }

    /// 1/`count` with ten decimals.
    private func probability(_ count: Int) -> String {
        let digits = String((10_000_000_000 + count / 2) / count)
        return "0." + String(repeating: "0", count: 10 - digits.count) + digits
    }

    private func serviceChain(_ index: Int) -> String { "KUBE-SVC-\(code(index))" }

    private func endpointChain(_ index: Int, _ member: Int) -> String {
        "KUBE-SEP-\(code((1 << 20) + index * workload.endpoints + member))"
    }

    /// Sixteen characters in no particular order, as the usual hashes give.
    private func code(_ number: Int) -> String {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".utf8)
        var mixed = UInt64(number) &* 0x9e37_79b9_7f4a_7c15
        mixed = (mixed ^ mixed >> 29) &* 0xbf58_476d_1ce4_e5b9
        mixed ^= mixed >> 32
        // Twelve mixed characters and the number itself, so that no two are equal.
        var result = (0..<10).map { alphabet[Int(mixed >> UInt64($0 * 5) & 31)] }
        result += (0..<6).map { alphabet[number >> ($0 * 5) & 31] }
        return String(decoding: result, as: UTF8.self)
    }
}
