import CNetlink
package import DataplaneModel

/// The flags of a virtual server (`IP_VS_SVC_F_*`), and Fairlead's own in bits that the kernel stores
/// and ignores.
package struct VirtualServerFlags: OptionSet, Hashable {
    package var rawValue: UInt32

    package init(rawValue: UInt32) { self.rawValue = rawValue }

    /// A client's connections go to the same real server.
    static let persistent = VirtualServerFlags(rawValue: UInt32(IP_VS_SVC_F_PERSISTENT))
    /// Set by the kernel: the virtual server is in its table.
    static let hashed = VirtualServerFlags(rawValue: UInt32(IP_VS_SVC_F_HASHED))
    /// `IP_VS_SVC_F_SCHED_SH_PORT` and `IP_VS_SVC_F_SCHED_MH_PORT`, which are the same bit.
    static let hashesSourcePort = VirtualServerFlags(rawValue: UInt32(IP_VS_SVC_F_SCHED2))
    /// `IP_VS_SVC_F_SCHED_SH_FALLBACK` and `IP_VS_SVC_F_SCHED_MH_FALLBACK`, which are the same bit: where
    /// the hash selects a real server that takes no new connections, another one is used.
    static let fallsBack = VirtualServerFlags(rawValue: UInt32(IP_VS_SVC_F_SCHED1))
    /// Fairlead's own: it exists only until its last real server has drained.
    static let goingAway = VirtualServerFlags(rawValue: 0x0001_0000)

    /// Whether the flags have the owner's signature.
    package func haveSignature(of ownership: Ownership) -> Bool {
        ownership.owns(serverFlags: rawValue)
    }
}

extension SchedulerName {
    /// It hashes clients, and can fall back to another real server while theirs drains.
    var hashesSources: Bool { text == "sh" || text == "mh" }

    /// It hashes the frontend's address, so that all clients use one real server, and cannot fall back:
    /// while that one drained, all new connections would be refused.
    var hashesDestinations: Bool { text == "dh" }
}
