package import Addressing

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
    /// The longest prefix that holds an address tells its interface.
    package var attachments: [Attachment]

    package init(localAddresses: Set<IPAddress> = [], attachments: [Attachment] = []) {
        self.localAddresses = localAddresses
        self.attachments = attachments
    }

    /// Address type LOCAL.
    package func isLocal(_ address: IPAddress) -> Bool {
        address.isLoopback || localAddresses.contains(address)
    }

    /// The interface behind which an address lies; nil when unknown.
    package func interface(toward address: IPAddress) -> String? {
        if isLocal(address) { return "lo" }
        return attachments.filter { $0.prefix.contains(address) }
            .max { $0.prefix.length < $1.prefix.length }?.interface
    }
}
