package import Addressing

/// The names of kube-proxy's objects in the kernel. Only the whole name identifies one: kubelet,
/// kube-router and network plugins also use names that begin with `KUBE-`.
package enum KubeProxyNames {
    /// Its table in nftables mode, in the families ip and ip6.
    package static let table = "kube-proxy"
    /// The dummy link of its ipvs mode.
    package static let link = "kube-ipvs0"

    /// True for its chains, of iptables and ipvs mode. Not for `KUBE-FIREWALL`, `KUBE-MARK-DROP`,
    /// `KUBE-KUBELET-CANARY` and `KUBE-IPTABLES-HINT`, which are kubelet's.
    package static func owns(chain name: String) -> Bool {
        chains.contains(name)
            || hashedPrefixes.contains { prefix in
                guard name.hasPrefix(prefix) else { return false }
                let hash = name.utf8.dropFirst(prefix.utf8.count)
                return hash.count == hashLength && hash.allSatisfy(isBase32)
            }
    }

    /// True for the sets of its ipvs mode in a family.
    package static func owns(set name: String, _ family: IPFamily) -> Bool {
        sets(family).contains(name)
    }

    private static let chains: Set = [
        "KUBE-SERVICES", "KUBE-EXTERNAL-SERVICES", "KUBE-NODEPORTS", "KUBE-POSTROUTING",
        "KUBE-MARK-MASQ", "KUBE-PROXY-CANARY", "KUBE-PROXY-FIREWALL", "KUBE-FORWARD",
        // ipvs mode
        "KUBE-LOAD-BALANCER", "KUBE-NODE-PORT", "KUBE-SOURCE-RANGES-FIREWALL",
        "KUBE-IPVS-FILTER", "KUBE-IPVS-OUT-FILTER",
    ]

    /// The prefixes of chains of Service ports and endpoints; `KUBE-XLB-` until Kubernetes 1.23.
    private static let hashedPrefixes = [
        "KUBE-SVC-", "KUBE-SVL-", "KUBE-EXT-", "KUBE-FW-", "KUBE-SEP-", "KUBE-XLB-",
    ]

    private static let hashLength = 16

    private static func isBase32(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
            || (UInt8(ascii: "2")...UInt8(ascii: "7")).contains(byte)
    }

    /// The purpose of a set, as the end of its name.
    package enum SetRole: String, CaseIterable {
        case nodePortsTCP = "NODE-PORT-TCP"
        case nodePortsUDP = "NODE-PORT-UDP"
        case nodePortsSCTP = "NODE-PORT-SCTP-HASH"
        case localNodePortsTCP = "NODE-PORT-LOCAL-TCP"
        case localNodePortsUDP = "NODE-PORT-LOCAL-UDP"
        case localNodePortsSCTP = "NODE-PORT-LOCAL-SCTP-HASH"
        case loopBack = "LOOP-BACK"
        case clusterIP = "CLUSTER-IP"
        case externalIP = "EXTERNAL-IP"
        case externalIPLocal = "EXTERNAL-IP-LOCAL"
        case loadBalancer = "LOAD-BALANCER"
        case loadBalancerLocal = "LOAD-BALANCER-LOCAL"
        case loadBalancerFirewall = "LOAD-BALANCER-FW"
        case loadBalancerSourceIP = "LOAD-BALANCER-SOURCE-IP"
        case loadBalancerSourceRange = "LOAD-BALANCER-SOURCE-CIDR"
        case healthCheckNodePort = "HEALTH-CHECK-NODE-PORT"
        case addresses = "IPVS-IPS"
    }

    /// The name of a set, at most 31 bytes, to which kube-proxy truncates two names of IPv6.
    package static func set(_ role: SetRole, _ family: IPFamily) -> String {
        let prefix = family == .ipv4 ? "KUBE-" : "KUBE-6-"
        return String((prefix + role.rawValue).prefix(31))
    }

    private static func sets(_ family: IPFamily) -> Set<String> {
        family == .ipv4 ? setsIPv4 : setsIPv6
    }

    private static let setsIPv4 = Set(SetRole.allCases.map { set($0, .ipv4) })
    private static let setsIPv6 = Set(SetRole.allCases.map { set($0, .ipv6) })
}
