import CNetlink
package import DataplaneModel
import Glibc
import HostFacts
import SystemCalls

extension NetlinkSocket {
    /// Sends all messages at once, which the kernel carries out together or, if it refuses one, not
    /// at all; returns what it refused.
    ///
    /// That is how nfnetlink takes what stands between its marks for a transaction's begin and end.
    /// It works through the send before the call returns. The one answer to wait for is that to the
    /// last message before the end; kernels before 6.10 acknowledge no mark. Without an end, nothing
    /// is carried out.
    package mutating func commit(
        _ batch: inout NetlinkBatch,
        hasEnd: Bool = true
    ) throws(DataplaneError) -> [Refusal] {
        batch.close()
        let last = batch.count - (hasEnd ? 2 : 1)
        guard last > 0 else { return [] }
        let base = sequence &+ 1
        for index in 0..<batch.count {
            sequence &+= 1
            let flags = index == last ? UInt16(NLM_F_ACK) : 0
            batch.stamp(index, sequence: sequence, flags: flags)
        }
        makeRoom(for: batch.bytes.count)
        try send(batch.bytes[...], batch.count)
        var refusals: [Refusal] = []
        while let messages = try receive(flags: Int32(MSG_DONTWAIT)) {
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

    /// Lets a send of so many bytes into the kernel.
    private func makeRoom(for size: Int) {
        guard size > traffic.bytesPerSend else { return }
        // The kernel doubles the number, for its own needs.
        Self.set(file.number, SOL_SOCKET, SO_SNDBUFFORCE, Int32(clamping: size + 4096))
    }
}
