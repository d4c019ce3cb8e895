import CNetlink
package import Netlink

extension NetlinkBytes {
    /// The plain bytes of a `struct nft_data`.
    package func data<Attribute: RawRepresentable<UInt32>>(_ type: Attribute) -> NetlinkBytes? {
        attribute(type)?.attribute(NFTA_DATA_VALUE)
    }
}
