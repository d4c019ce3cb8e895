package import Addressing

/// How Fairlead recognises its objects in the kernel, by name or mark. It changes and removes no
/// others.
package struct Ownership: Sendable, Hashable {
    /// The prefix of every chain in legacy tables, and of every list of `xt_recent`.
    package var chainPrefix: String
    /// The prefix of every ipset, before the family's number and a dash.
    package var setPrefix: String
    /// The nftables table, in either family.
    package var table: String
    /// The dummy link that carries Service addresses.
    package var link: String
    /// The protocol of local routes (`rtm_protocol`).
    package var routeProtocol: UInt8
    /// The twelve high bits of a virtual server's flags, which the kernel stores and ignores.
    package var serverSignature: UInt32

    package static let fairlead = Ownership(
        chainPrefix: "FAIRLEAD-",
        setPrefix: "FAIRLEAD-",
        table: "fairlead",
        link: "fairlead0",
        routeProtocol: 250,
        serverSignature: 0xf1a0_0000
    )

    package func owns(chain name: String) -> Bool { name.hasPrefix(chainPrefix) }

    /// `FAIRLEAD-4-`: each family has its own sets.
    package func setPrefix(_ family: IPFamily) -> String {
        setPrefix + (family == .ipv4 ? "4-" : "6-")
    }

    package func owns(set name: String, _ family: IPFamily) -> Bool {
        name.hasPrefix(setPrefix(family))
    }

    private static let signatureMask: UInt32 = 0xfff0_0000

    package func owns(serverFlags flags: UInt32) -> Bool {
        flags & Self.signatureMask == serverSignature
    }
}
