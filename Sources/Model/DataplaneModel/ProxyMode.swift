/// How the kernel is programmed; see `PlannedMode` for a mode's plans and `InstalledMode` for its
/// stores.
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

/// Whether node ports work on 127.0.0.1 in a mode. They work on ::1 in none, because the kernel has
/// no `route_localnet` for IPv6.
package enum LocalhostSupport: Sendable {
    /// Unless the settings forbid it (iptables, as with kube-proxy).
    case unlessRefused
    /// If the settings ask for it (nftables).
    case onRequest
    /// Never: IPVS does not forward packets from a loopback address.
    case never
}
