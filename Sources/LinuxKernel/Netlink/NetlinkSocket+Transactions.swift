import CNetlink
import DataplaneModel
import Glibc

extension NetlinkSocket {
    /// Sends all messages at once, which the kernel carries out together or, if it refuses one, not
    /// at all; returns what it refused.
    ///
    /// That is how nfnetlink takes what stands between its marks for a transaction's begin and end.
    /// It works through the send before the call returns. The one answer to wait for is that to the
    /// last message before the end; kernels before 6.10 acknowledge no mark.
    mutating func commit(_ batch: inout NetlinkBatch) throws(DataplaneError) -> [Refusal] {
        batch.close()
        guard batch.count > 2 else { return [] }
        let base = sequence &+ 1
        for index in 0..<batch.count {
            sequence &+= 1
            let flags = index == batch.count - 2 ? UInt16(NLM_F_ACK) : 0
            batch.stamp(index, sequence: sequence, flags: flags)
        }
        makeRoom(for: batch.bytes.count)
        try send(batch.bytes[...])
        messageCount += batch.count
        var refusals: [Refusal] = []
        while let messages = try receive(flags: Int32(MSG_DONTWAIT)) {
            for message in messages where message.type == UInt16(NLMSG_ERROR) {
                let index = Int(message.sequence &- base)
                guard index < batch.count else { continue }
                let code = message.payload.number(Int32.self)
                if code != 0 { refusals.append(Refusal(index, -code, message)) }
                if index == batch.count - 2 { return refusals }
            }
        }
        // It gave up before the last message.
        guard refusals.isEmpty else { return refusals }
        throw error(EPROTO, "a transaction without an answer")
    }

    /// Lets a send of so many bytes into the kernel.
    private func makeRoom(for size: Int) {
        guard size > Self.chunk else { return }
        // The kernel doubles the number, for its own needs.
        Self.set(file.number, SOL_SOCKET, SO_SNDBUFFORCE, Int32(clamping: size + 4096))
    }

    /// The number by which others know this socket; 0 before the first send.
    func port() throws(DataplaneError) -> UInt32 {
        var address = sockaddr_nl()
        var length = socklen_t(MemoryLayout<sockaddr_nl>.size)
        let result = unsafe withUnsafeMutablePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe getsockname(file.number, $0, &length)
            }
        }
        guard result == 0 else { throw error(errno, nil) }
        return address.nl_pid
    }

    /// Begins to listen to a group of notifications, or ends it.
    func listen(_ group: UInt32, _ isListening: Bool) throws(DataplaneError) {
        var number = Int32(group)
        let option = isListening ? NETLINK_ADD_MEMBERSHIP : NETLINK_DROP_MEMBERSHIP
        let size = socklen_t(MemoryLayout<Int32>.size)
        guard unsafe setsockopt(file.number, SOL_NETLINK, Int32(option), &number, size) == 0 else {
            throw error(errno, nil)
        }
    }
}
