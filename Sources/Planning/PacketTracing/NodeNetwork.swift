package import Addressing
package import DataplaneModel

/// What a trace has to know of the node's addresses and links.
package struct NodeNetwork: Sendable, Hashable {
    /// Where addresses of a range are attached.
    package struct Attachment: Sendable, Hashable {
        package var prefix: IPPrefix
        package var interface: String

        package init(_ prefix: IPPrefix, interface: String) {
            self.prefix = prefix
            self.interface = interface
        }
    }

    /// Addresses of address type LOCAL; loopback is local without being named.
    package var localAddresses: Set<IPAddress>
    /// Ranges of which every address is of type LOCAL.
    package var localRanges: [IPPrefix]
    /// The longest prefix that holds an address tells its interface.
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

    /// The same with the addresses that are bound for IPVS.
    package func adding(_ binding: AddressBinding) -> NodeNetwork {
        var network = self
        network.localAddresses.formUnion(binding.addresses)
        network.localRanges += binding.ranges.sorted()
        return network
    }

    /// The interface behind which an address lies; nil when unknown.
    package func interface(toward address: IPAddress) -> String? {
        if isLocal(address) { return "lo" }
        return attachments.filter { $0.prefix.contains(address) }
            .max { $0.prefix.length < $1.prefix.length }?.interface
    }
}
