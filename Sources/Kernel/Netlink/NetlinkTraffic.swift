package import DataplaneModel

/// How a store packs its netlink messages, and how many it has sent.
package final class NetlinkTraffic {
    /// The most bytes of messages in one send; a longer message is sent alone. The kernel works
    /// through a whole send before it returns, holding the subsystem's lock.
    package let bytesPerSend: Int
    /// The most entries of a set in one message.
    package let entriesPerMessage: Int
    /// Messages sent so far, requests for data included.
    package private(set) var messages = 0
    /// The sends so far, each with one wait for its answers.
    package private(set) var sends = 0
    /// What transactions have taken so far.
    package internal(set) var transactionTimes = SendTimes()

    /// Packs tightly. An entry has at most 88 bytes, and a list of entries, as one attribute, 64 KiB.
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
