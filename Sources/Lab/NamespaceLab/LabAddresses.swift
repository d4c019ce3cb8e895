package import Addressing

/// The addresses of a lab. Documentation ranges (RFC 5737, RFC 3849) stand for the
/// network outside. Nodes and the pods of a node count from 1.
package enum LabAddresses {
    package static let pods = 3
    /// Of the first node's pods.
    package static let podRanges = IPFamily.allCases.map { podRange($0, node: 1) }
    /// What the client sends to a node, besides the nodes' own network.
    static func serviceRanges(_ family: IPFamily) -> [String] {
        [clusterRange(family), family == .ipv4 ? "198.51.100.0/24" : "2001:db8:51::/64"]
    }

    /// The range ClusterIPs come from.
    package static func clusterRange(_ family: IPFamily) -> String {
        family == .ipv4 ? "10.96.0.0/12" : "fd00:96::/108"
    }

    package static func podRange(_ family: IPFamily, node: Int) -> String {
        family == .ipv4 ? "10.180.\(node - 1).0/24" : "\(podNetwork(node))::/64"
    }

    package static func pod(_ index: Int, _ family: IPFamily, node: Int = 1) -> String {
        onPodNetwork(10 + index, family, node)
    }

    /// The node on its pods' bridge.
    package static func bridge(_ family: IPFamily, node: Int = 1) -> String {
        onPodNetwork(1, family, node)
    }

    /// The node's end of the tunnels to the others.
    static func tunnel(_ family: IPFamily, node: Int) -> String {
        onPodNetwork(2, family, node)
    }

    /// The node on the network of nodes and client.
    package static func node(_ family: IPFamily, _ number: Int = 1) -> String {
        family == .ipv4 ? "192.0.2.\(number)" : "2001:db8::\(number)"
    }

    package static func client(_ family: IPFamily) -> String {
        family == .ipv4 ? "192.0.2.100" : "2001:db8::100"
    }

    /// A second address of the client, for source ranges.
    package static func otherClient(_ family: IPFamily) -> String {
        family == .ipv4 ? "192.0.2.200" : "2001:db8::200"
    }

    /// All addresses that a node may be seen with.
    package static func ofNode(_ number: Int, _ family: IPFamily) -> Set<String> {
        [node(family, number), bridge(family, node: number), tunnel(family, node: number)]
    }

    static func prefixLength(_ family: IPFamily) -> Int { family == .ipv4 ? 24 : 64 }

    /// fd00:180:0:N, without a zero group that the canonical text would leave out.
    private static func podNetwork(_ node: Int) -> String {
        node == 1 ? "fd00:180" : "fd00:180:0:\(node - 1)"
    }

    private static func onPodNetwork(_ host: Int, _ family: IPFamily, _ node: Int) -> String {
        family == .ipv4 ? "10.180.\(node - 1).\(host)" : "\(podNetwork(node))::\(host)"
    }
}
