/// Counters of set elements, since they were added.
package struct NFTCount: Sendable, Hashable {
    package var packets: UInt64
    /// Including the headers of the network layer.
    package var bytes: UInt64

    package init(packets: UInt64 = 0, bytes: UInt64 = 0) {
        self.packets = packets
        self.bytes = bytes
    }

    /// Wraps around, as the kernel's numbers do.
    package static func += (left: inout NFTCount, right: NFTCount) {
        left.packets &+= right.packets
        left.bytes &+= right.bytes
    }
}
