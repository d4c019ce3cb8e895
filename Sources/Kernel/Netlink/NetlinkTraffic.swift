/// How a store packs what it tells the kernel over netlink, and how much it has told.
package final class NetlinkTraffic {
    /// Messages go together in a send up to so many bytes; a longer message goes alone. The kernel
    /// works through all of a send before it returns, holding the subsystem's lock.
    package let bytesPerSend: Int
    /// So many entries of a set go in a message.
    package let entriesPerMessage: Int
    /// Messages sent so far, questions included.
    package private(set) var messages = 0
    /// The sends they took, each with one wait for its answers.
    package private(set) var sends = 0

    /// Packs tightly. An entry takes at most 88 bytes, and a list of entries, being one attribute,
    /// 64 KiB.
    package convenience init() {
        self.init(bytesPerSend: 128 << 10, entriesPerMessage: 600)
    }

    private init(bytesPerSend: Int, entriesPerMessage: Int) {
        self.bytesPerSend = bytesPerSend
        self.entriesPerMessage = entriesPerMessage
    }

    /// One object a message and one message a send, for comparison.
    package static func oneByOne() -> NetlinkTraffic {
        NetlinkTraffic(bytesPerSend: 0, entriesPerMessage: 1)
    }

    package func count(messages: Int) {
        self.messages += messages
        sends += 1
    }
}
