import CNetlink

/// The flags of a virtual server (`IP_VS_SVC_F_*`), and what we keep in the bits that the kernel
/// stores without looking at them.
struct ServiceFlags: OptionSet, Hashable {
    var rawValue: UInt32

    /// Clients keep their real server.
    static let persistent = ServiceFlags(rawValue: UInt32(IP_VS_SVC_F_PERSISTENT))
    /// The kernel's own: it is in the table.
    static let hashed = ServiceFlags(rawValue: UInt32(IP_VS_SVC_F_HASHED))
    /// `IP_VS_SVC_F_SCHED_SH_PORT` and `IP_VS_SVC_F_SCHED_MH_PORT`, which are the same bit.
    static let hashesSourcePort = ServiceFlags(rawValue: UInt32(IP_VS_SVC_F_SCHED2))
    /// Ours: it is there only until its last real server has drained.
    static let goingAway = ServiceFlags(rawValue: 0x0001_0000)
    /// Ours: all twelve high bits, with this content, say that Fairlead made it.
    static let signature = ServiceFlags(rawValue: 0xf1a0_0000)

    private static let signatureMask: UInt32 = 0xfff0_0000

    /// Whether Fairlead made it.
    var areOurs: Bool { rawValue & Self.signatureMask == Self.signature.rawValue }
}
