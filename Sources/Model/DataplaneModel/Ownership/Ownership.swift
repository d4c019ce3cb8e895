package import Addressing

/// What in the kernel belongs to this program, known by its names and marks: all that it may change
/// and remove.
package struct Ownership: Sendable, Hashable {
    /// Begins the name of every chain of legacy tables, and of every list of `xt_recent`.
    package var chainPrefix: String
    /// Begins the name of every ipset; the family's number and a dash follow.
    package var setPrefix: String
    /// The nftables table, in either family.
    package var table: String
    /// The dummy link that carries Service addresses.
    package var link: String
    /// The protocol of local routes (`rtm_protocol`).
    package var routeProtocol: UInt8
    /// The twelve high bits of a virtual server's flags, which the kernel stores without looking at
    /// them.
    package var serverSignature: UInt32

    package init(
        chainPrefix: String,
        setPrefix: String,
        table: String,
        link: String,
        routeProtocol: UInt8,
        serverSignature: UInt32
    ) {
        self.chainPrefix = chainPrefix
        self.setPrefix = setPrefix
        self.table = table
        self.link = link
        self.routeProtocol = routeProtocol
        self.serverSignature = serverSignature
    }

    package static let fairlead = Ownership(
        chainPrefix: "FAIRLEAD-",
        setPrefix: "FAIRLEAD-",
        table: "fairlead",
        link: "fairlead0",
        routeProtocol: 250,
        serverSignature: 0xf1a0_0000
    )
}

extension Ownership {
    package func owns(chain name: String) -> Bool { name.hasPrefix(chainPrefix) }

    /// `FAIRLEAD-4-`; the families have sets of their own.
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
