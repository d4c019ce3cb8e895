import Addressing
import CNetlink
import DataplaneModel
import Netlink

/// Reads the counters of a set's elements from the kernel's messages.
struct NFTCountReader {
    private let keys: NFTElementReader
    private(set) var counts: [NFTValue: NFTCount] = [:]

    init(_ shape: NFTSetShape, _ family: IPFamily) {
        keys = NFTElementReader(shape, family)
    }

    /// Adds the elements of an answer to `NFT_MSG_GETSETELEM`, except those without a counter.
    mutating func read(_ message: NetlinkMessage) {
        let list = message.attributes.attribute(NFTA_SET_ELEM_LIST_ELEMENTS)
        list?.forEachAttribute { _, item in
            guard let key = keys.element(item)?.key, let count = Self.count(item) else { return }
            counts[key] = count
        }
    }

    private static func count(_ item: NetlinkBytes) -> NFTCount? {
        guard let expression = item.attribute(NFTA_SET_ELEM_EXPR),
            expression.text(NFTA_EXPR_NAME) == NFTSetShape.counter,
            let data = expression.attribute(NFTA_EXPR_DATA),
            let packets = data.long(NFTA_COUNTER_PACKETS),
            let bytes = data.long(NFTA_COUNTER_BYTES)
        else { return nil }
        return NFTCount(packets: packets, bytes: bytes)
    }
}
