package import Addressing

/// Who has which address in the lab. Documentation ranges (RFC 5737, RFC 3849) stand for the
/// network outside.
package enum LabAddresses {
    package static let pods = 3
    package static let podRanges = ["10.180.0.0/24", "fd00:180::/64"]
    /// What the client sends to the node, besides the node's own network.
    package static let serviceRanges: [IPFamily: [String]] = [
        .ipv4: ["10.96.0.0/12", "198.51.100.0/24"],
        .ipv6: ["fd00:96::/108", "2001:db8:51::/64"],
    ]

    /// Pods count from 1.
    package static func pod(_ number: Int, _ family: IPFamily) -> String {
        family == .ipv4 ? "10.180.0.\(10 + number)" : "fd00:180::\(10 + number)"
    }

    /// The node on the pods' bridge.
    package static func bridge(_ family: IPFamily) -> String {
        family == .ipv4 ? "10.180.0.1" : "fd00:180::1"
    }

    /// The node as the outside knows it.
    package static func node(_ family: IPFamily) -> String {
        family == .ipv4 ? "192.0.2.1" : "2001:db8::1"
    }

    package static func client(_ family: IPFamily) -> String {
        family == .ipv4 ? "192.0.2.100" : "2001:db8::100"
    }

    /// A second address of the client, for source ranges.
    package static func stranger(_ family: IPFamily) -> String {
        family == .ipv4 ? "192.0.2.200" : "2001:db8::200"
    }

    static func prefixLength(_ family: IPFamily) -> Int { family == .ipv4 ? 24 : 64 }
}
