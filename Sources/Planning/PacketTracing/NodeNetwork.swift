package import Addressing
package import DataplaneModel

/// The node's addresses and links, as far as a trace needs them.
package struct NodeNetwork: Sendable, Hashable {
    /// The interface of an address range.
    package struct Attachment: Sendable, Hashable {
        package var prefix: IPPrefix
        package var interface: String

        package init(_ prefix: IPPrefix, interface: String) {
            self.prefix = prefix
            self.interface = interface
        }
    }

    /// Addresses of address type LOCAL; loopback addresses are local without being listed.
    package var localAddresses: Set<IPAddress>
    /// Ranges whose addresses are all of type LOCAL.
    package var localRanges: [IPPrefix]
    /// The longest prefix that contains an address determines its interface.
    package var attachments: [Attachment]

    package init(
        localAddresses: Set<IPAddress> = [],
        localRanges: [IPPrefix] = [],
        attachments: [Attachment] = []
    ) {
        self.localAddresses = localAddresses
        self.localRanges = localRanges
        self.attachments = attachments
    }

    /// Address type LOCAL.
    package func isLocal(_ address: IPAddress) -> Bool {
        address.isLoopback || localAddresses.contains(address)
            || localRanges.contains { $0.contains(address) }
    }

    /// The same, with the addresses bound for IPVS.
    package func adding(_ binding: AddressBinding) -> NodeNetwork {
        var network = self
        network.localAddresses.formUnion(binding.addresses)
        network.localRanges += binding.ranges.sorted()
        return network
    }

    /// The interface towards an address; nil if unknown.
    package func interface(toward address: IPAddress) -> String? {
        if isLocal(address) { return "lo" }
        return attachments.filter { $0.prefix.contains(address) }
            .max { $0.prefix.length < $1.prefix.length }?.interface
    }
}
