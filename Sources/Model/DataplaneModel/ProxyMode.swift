/// How the kernel is programmed. What a mode does is said where it is planned (`PlannedMode`) and
/// installed (`InstalledMode`).
package enum ProxyMode: String, Sendable, Hashable, CaseIterable, Comparable {
    case iptables
    case ipvs
    case nftables

    package static func < (left: ProxyMode, right: ProxyMode) -> Bool {
        left.rawValue < right.rawValue
    }

    package var localhost: LocalhostSupport {
        switch self {
        case .iptables: .unlessRefused
        case .nftables: .onRequest
        default: .never
        }
    }

    /// Plans depend on the addresses of other nodes, and on all addresses of this one.
    package var needsNodeAddresses: Bool { self == .ipvs }
}

/// What a mode can do about node ports on 127.0.0.1. None can on ::1, as the kernel has no
/// `route_localnet` for IPv6.
package enum LocalhostSupport: Sendable {
    /// They answer there unless the settings say no (iptables, as with kube-proxy).
    case unlessRefused
    /// They answer there if the settings ask for it (nftables).
    case onRequest
    /// They can't: IPVS does not forward packets from a loopback address.
    case never
}
