import CNetlink
package import Netlink

extension NetlinkBytes {
    /// The plain bytes of a `struct nft_data`.
    package func data(_ type: some RawRepresentable<UInt32>) -> NetlinkBytes? {
        attribute(type)?.attribute(NFTA_DATA_VALUE)
    }
}
