import CNetlink
package import DataplaneModel
import Glibc

extension NetlinkSocket {
    /// Sends all messages in one send. The kernel carries out all of them or, if it refuses one, none;
    /// returns the refusals.
    ///
    /// That is how nfnetlink treats messages between those that begin and end a transaction. It works
    /// through the send before the call returns. The answer to wait for is that to the last message
    /// before the end, as kernels before 6.10 do not acknowledge the end. Without an end nothing is
    /// carried out.
    ///
    /// - Throws: the error of `send` or `recv`; `EPROTO` if the kernel does not answer.
    package mutating func commit(
        _ batch: inout NetlinkBatch,
        hasEnd: Bool = true
    ) throws(DataplaneError) -> [Refusal] {
        batch.close()
        let last = batch.count - (hasEnd ? 2 : 1)
        guard last > 0 else { return [] }
        let base = stamp(&batch, 0...batch.count - 1, acknowledging: last)
        makeRoom(for: batch.bytes.count)
        let began = ContinuousClock.now
        try send(batch.bytes[...], batch.count)
        let sent = ContinuousClock.now
        traffic.transactionTimes.sending += sent - began
        defer { traffic.transactionTimes.acknowledging += .now - sent }
        var refusals: [Refusal] = []
        while let messages = try handle.receive(isWaiting: false) {
            for message in messages where message.type == UInt16(NLMSG_ERROR) {
                let index = Int(message.sequence &- base)
                guard index < batch.count else { continue }
                let code = message.payload.number(Int32.self)
                if code != 0 { refusals.append(Refusal(index, -code, message)) }
                if index == last { return refusals }
            }
        }
        // It gave up before the last message.
        guard refusals.isEmpty else { return refusals }
        throw error(EPROTO, "a transaction without an answer")
    }

    /// Sends the begin and the end of a transaction without content: the kernel waits for the one that it is
    /// carrying out (the commit mutex of nf_tables), and does not answer.
    ///
    /// - Throws: the error of `send`.
    package mutating func commitNothing(_ batch: inout NetlinkBatch) throws(DataplaneError) {
        batch.close()
        guard !batch.isEmpty else { return }
        _ = stamp(&batch, 0...batch.count - 1, acknowledging: nil)
        try send(batch.bytes[...], batch.count)
    }

    /// Makes the socket's buffer large enough for a send of `size` bytes.
    private func makeRoom(for size: Int) {
        guard size > traffic.bytesPerSend else { return }
        // The kernel doubles the number for its own bookkeeping.
        handle.setSendBuffer(Int32(clamping: size + 4096))
    }
}
