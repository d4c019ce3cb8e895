import CNetlink
package import DataplaneModel
import Glibc
import HostFacts

/// A socket to one of the kernel's netlink protocols, in the network namespace of the thread that
/// opened it.
package struct NetlinkSocket: ~Copyable {
    /// The kernel's refusal of one message.
    package struct Refusal: Error {
        /// Which message of the batch.
        package var index: Int
        package var errno: Int32
        /// The kernel's own explanation (extended acknowledgement), where it gives one.
        package var message: String?
        /// The offset in the message of the attribute that the kernel rejected, if it says.
        package var offset: Int?

        package init(index: Int, errno: Int32, message: String? = nil, offset: Int? = nil) {
            self.index = index
            self.errno = errno
            self.message = message
            self.offset = offset
        }
    }

    let handle: NetlinkHandle
    private let name: String
    /// How messages are packed, and how many there were.
    package let traffic: NetlinkTraffic
    /// The number of the last message.
    var sequence: UInt32 = 0

    /// `NETLINK_GENERIC` and the like; `name` is for errors.
    ///
    /// - Throws: the error of `socket` or `bind`: `.unsupported` without the protocol.
    package init(
        _ protocolNumber: Int32,
        name: String,
        _ traffic: NetlinkTraffic = NetlinkTraffic()
    ) throws(DataplaneError) {
        let handle = try NetlinkHandle(protocolNumber, name: name)
        // Refusals carry the kernel's explanation, and not the whole refused message.
        for option in [Int32(NETLINK_EXT_ACK), Int32(NETLINK_CAP_ACK)] {
            handle.set(SOL_NETLINK, option, 1)
        }
        // Room for a send, and for as many refusals as it has messages.
        handle.setSendBuffer(Int32(4 * max(traffic.bytesPerSend, 4096)))
        handle.setReceiveBuffer(4 << 20)
        self.handle = handle
        self.name = name
        self.traffic = traffic
    }

    /// From now on a dump holds only what its request asks for: otherwise the kernel ignores all
    /// fields of the request but the family (`NETLINK_GET_STRICT_CHK`; kernels before 4.20 always do).
    package func askStrictly() {
        handle.set(SOL_NETLINK, Int32(NETLINK_GET_STRICT_CHK), 1)
    }

    /// Sends all messages, many at a time, and returns the kernel's refusals in the order of the
    /// messages. The others have been carried out.
    ///
    /// Only the last message of a send asks for an acknowledgement: refusals come in any case, and
    /// an answer to each message would cost as much as the message.
    ///
    /// - Throws: the error of `send` or `recv`.
    package mutating func transact(_ batch: inout NetlinkBatch) throws(DataplaneError) -> [Refusal]
    {
        batch.close()
        var refusals: [Refusal] = []
        var first = 0
        while first < batch.count {
            var last = first
            let start = batch.starts[first]
            while last + 1 < batch.count, end(of: last + 1, batch) - start <= traffic.bytesPerSend {
                last += 1
            }
            let base = stamp(&batch, first...last, acknowledging: last)
            try send(batch.bytes[start..<end(of: last, batch)], last - first + 1)
            try collect(from: base, to: sequence, firstIndex: first, &refusals)
            first = last + 1
        }
        return refusals
    }

    private func end(of index: Int, _ batch: NetlinkBatch) -> Int {
        index + 1 < batch.count ? batch.starts[index + 1] : batch.bytes.count
    }

    /// Reads answers until the one to the last message has come.
    private func collect(
        from base: UInt32,
        to last: UInt32,
        firstIndex: Int,
        _ refusals: inout [Refusal]
    ) throws(DataplaneError) {
        while true {
            for message in try receive() where message.type == UInt16(NLMSG_ERROR) {
                let offset = message.sequence &- base
                guard offset <= last &- base else { continue }
                let code = message.payload.number(Int32.self)
                if code != 0 {
                    refusals.append(Refusal(firstIndex + Int(offset), -code, message))
                }
                if message.sequence == last { return }
            }
        }
    }

    /// Sends one message and returns its answers: all of them if it asks for a dump.
    ///
    /// With `unlessChanged`, a change of what is dumped is an error after so many `attempts`. For some
    /// subsystems a change of any object counts.
    ///
    /// - Throws: the kernel's refusal; `.conflict` if what is dumped changed during each attempt.
    package mutating func request(
        _ batch: inout NetlinkBatch,
        unlessChanged: Bool = true,
        attempts: Int = 1
    ) throws(DataplaneError) -> [NetlinkMessage] {
        var attempt = 1
        while true {
            var answers: [NetlinkMessage] = []
            do throws(DataplaneError) {
                try request(&batch, unlessChanged: unlessChanged) { answers.append($0) }
                return answers
            } catch {
                guard error.kind == .conflict, attempt < attempts else { throw error }
                attempt += 1
            }
        }
    }

    /// The same, with each answer handed over as it arrives. After an error of `body` the rest of the
    /// dump is still to come, and the socket cannot be used any more.
    package mutating func request(
        _ batch: inout NetlinkBatch,
        unlessChanged: Bool = true,
        _ body: (NetlinkMessage) throws(DataplaneError) -> Void
    ) throws(DataplaneError) {
        batch.close()
        _ = stamp(&batch, 0...0, acknowledging: batch.isDump ? nil : 0)
        try send(batch.bytes[...], 1)
        var interrupted = false
        while true {
            for message in try receive() where message.sequence == sequence {
                if message.flags & UInt16(NLM_F_DUMP_INTR) != 0 { interrupted = true }
                switch message.type {
                case UInt16(NLMSG_ERROR):
                    let code = message.payload.number(Int32.self)
                    guard code == 0 else {
                        throw error(-code, Refusal(0, -code, message).message)
                    }
                    return
                case UInt16(NLMSG_DONE):
                    let code = message.payload.number(Int32.self)
                    guard code >= 0 else {
                        throw error(-code, Refusal(0, -code, message).message)
                    }
                    guard !interrupted || !unlessChanged else {
                        throw error(EAGAIN, "changed while it was read")
                    }
                    return
                default: try body(message)
                }
            }
        }
    }

    func error(_ errno: Int32, _ message: String?) -> DataplaneError {
        var error = DataplaneError.system("netlink request", name, errno)
        if let message { error.message = message }
        return error
    }

    /// Numbers messages, has the kernel acknowledge one of them, and returns the first number.
    mutating func stamp(
        _ batch: inout NetlinkBatch,
        _ indexes: ClosedRange<Int>,
        acknowledging last: Int?
    ) -> UInt32 {
        for index in indexes {
            sequence = handle.nextSequence()
            let flags = index == last ? UInt16(NLM_F_ACK) : 0
            batch.stamp(index, sequence: sequence, flags: flags)
        }
        return sequence &- UInt32(indexes.count - 1)
    }

    func send(_ bytes: ArraySlice<UInt8>, _ messages: Int) throws(DataplaneError) {
        traffic.count(messages: messages)
        try handle.send(bytes)
    }

    private func receive() throws(DataplaneError) -> [NetlinkMessage] {
        try handle.receive(isWaiting: true) ?? []
    }
}

extension NetlinkSocket.Refusal {
    /// From an answer `NLMSG_ERROR`, which has its attributes behind the error number and the header
    /// of the refused message, or `NLMSG_DONE`, which has no header there.
    package init(_ index: Int, _ errno: Int32, _ answer: NetlinkMessage) {
        self.init(index: index, errno: errno)
        guard answer.flags & UInt16(NLM_F_ACK_TLVS) != 0 else { return }
        let header = answer.type == UInt16(NLMSG_DONE) ? 0 : 16
        let attributes = answer.payload.dropFirst(4 + header)
        message = attributes.attribute(NLMSGERR_ATTR_MSG.rawValue)?.text
        offset = attributes.attribute(NLMSGERR_ATTR_OFFS.rawValue).map {
            Int($0.number(UInt32.self))
        }
    }
}
