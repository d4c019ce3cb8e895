import CNetlink
package import DataplaneModel

/// The flags of a virtual server (`IP_VS_SVC_F_*`), and what we keep in the bits that the kernel
/// stores without looking at them.
package struct ServiceFlags: OptionSet, Hashable {
    package var rawValue: UInt32

    package init(rawValue: UInt32) { self.rawValue = rawValue }

    /// Clients keep their real server.
    static let persistent = ServiceFlags(rawValue: UInt32(IP_VS_SVC_F_PERSISTENT))
    /// The kernel's own: it is in the table.
    static let hashed = ServiceFlags(rawValue: UInt32(IP_VS_SVC_F_HASHED))
    /// `IP_VS_SVC_F_SCHED_SH_PORT` and `IP_VS_SVC_F_SCHED_MH_PORT`, which are the same bit.
    static let hashesSourcePort = ServiceFlags(rawValue: UInt32(IP_VS_SVC_F_SCHED2))
    /// `IP_VS_SVC_F_SCHED_SH_FALLBACK` and `IP_VS_SVC_F_SCHED_MH_FALLBACK`, the same bit too: where
    /// the hash leads to a real server that takes nothing new, another one is chosen.
    static let fallsBack = ServiceFlags(rawValue: UInt32(IP_VS_SVC_F_SCHED1))
    /// Ours: it is there only until its last real server has drained.
    static let goingAway = ServiceFlags(rawValue: 0x0001_0000)

    /// Whether the virtual server bears the owner's signature.
    package func bear(_ ownership: Ownership) -> Bool { ownership.owns(serverFlags: rawValue) }
}

extension SchedulerName {
    /// It hashes clients and can fall back; otherwise it would refuse those whose real server
    /// drains.
    var hashesSources: Bool { text == "sh" || text == "mh" }

    /// It hashes the frontend's address, so that a virtual server has one real server at a time,
    /// and cannot fall back: while that one drained it would refuse everybody.
    var hashesDestinations: Bool { text == "dh" }
}
