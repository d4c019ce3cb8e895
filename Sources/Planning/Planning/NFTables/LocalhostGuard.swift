package import DataplaneModel

/// The rules that keep neighbours out of 127.0.0.0/8 while `route_localnet` is on.
package enum LocalhostGuard {
    /// Their chain in the legacy filter table.
    package static let legacyChain = StaticChains.localhostGuard
    /// Their chain in Fairlead's table of nftables.
    package static let chain = TableChains.localhost
}
