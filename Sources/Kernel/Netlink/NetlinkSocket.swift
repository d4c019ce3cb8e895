import CIPTables
import CNetlink
package import DataplaneModel
import Glibc
import HostFacts
package import SystemCalls

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

    package let file: OwnedDescriptor
    private let name: String
    /// How messages are packed, and how many there were.
    package let traffic: NetlinkTraffic
    package var sequence: UInt32 = 0
    private var buffer = [UInt8](repeating: 0, count: 1 << 16)

    /// `NETLINK_GENERIC` and the like; `name` is for errors.
    package init(
        _ protocolNumber: Int32,
        name: String,
        _ traffic: NetlinkTraffic = NetlinkTraffic()
    ) throws(DataplaneError) {
        let file = try OwnedDescriptor.socket(AF_NETLINK, SOCK_RAW, protocolNumber, for: name)
        // Refusals carry the kernel's explanation, and not the whole refused message.
        for option in [Int32(NETLINK_EXT_ACK), Int32(NETLINK_CAP_ACK)] {
            Self.set(file.number, SOL_NETLINK, option, 1)
        }
        // Room for a send, and for as many refusals as it has messages. Without CAP_NET_ADMIN the
        // host's limits hold, but then every request is refused anyway.
        Self.set(
            file.number,
            SOL_SOCKET,
            SO_SNDBUFFORCE,
            Int32(4 * max(traffic.bytesPerSend, 4096))
        )
        Self.set(file.number, SOL_SOCKET, SO_RCVBUFFORCE, 4 << 20)
        self.file = file
        self.name = name
        self.traffic = traffic
    }

    package static func set(_ file: Int32, _ level: Int32, _ option: Int32, _ value: Int32) {
        var value = value
        _ = unsafe setsockopt(file, level, option, &value, socklen_t(MemoryLayout<Int32>.size))
    }

    /// From now on a dump holds only what its request asks for: otherwise the kernel ignores all
    /// fields of the request but the family (`NETLINK_GET_STRICT_CHK`; kernels before 4.20 always do).
    package func askStrictly() {
        Self.set(file.number, SOL_NETLINK, Int32(NETLINK_GET_STRICT_CHK), 1)
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
            let base = sequence &+ 1
            for index in first...last {
                sequence &+= 1
                let flags = index == last ? UInt16(NLM_F_ACK) : 0
                batch.stamp(index, sequence: sequence, flags: flags)
            }
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
    private mutating func collect(
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
        sequence &+= 1
        batch.stamp(0, sequence: sequence)
        if !batch.isDump { batch.stamp(0, sequence: sequence, flags: UInt16(NLM_F_ACK)) }
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
                    guard code >= 0 else { throw error(-code, nil) }
                    guard !interrupted || !unlessChanged else {
                        throw error(EAGAIN, "changed while it was read")
                    }
                    return
                default: try body(message)
                }
            }
        }
    }

    package func error(_ errno: Int32, _ message: String?) -> DataplaneError {
        var error = DataplaneError.system("netlink request", name, errno)
        if let message { error.message = message }
        return error
    }

    package func send(_ bytes: ArraySlice<UInt8>, _ messages: Int) throws(DataplaneError) {
        traffic.count(messages: messages)
        while true {
            let count = unsafe bytes.withUnsafeBytes {
                unsafe Glibc.send(file.number, $0.baseAddress, $0.count, 0)
            }
            if count == bytes.count { return }
            guard count < 0, errno == EINTR else { throw .system("send", name, errno) }
        }
    }

    private mutating func receive() throws(DataplaneError) -> [NetlinkMessage] {
        while true {
            if let messages = try receive(flags: 0) { return messages }
        }
    }

    /// What the kernel sent; nil if nothing has arrived and `flags` say not to wait.
    package mutating func receive(flags: Int32) throws(DataplaneError) -> [NetlinkMessage]? {
        while true {
            let count = unsafe buffer.withUnsafeMutableBytes {
                // With MSG_TRUNC recv returns the real length.
                unsafe recv(file.number, $0.baseAddress, $0.count, Int32(MSG_TRUNC) | flags)
            }
            if count < 0, errno == EINTR { continue }
            if count < 0, errno == EAGAIN { return nil }
            guard count > 0 else { throw .system("recv", name, errno) }
            guard count <= buffer.count else {
                throw error(EMSGSIZE, "an answer of \(count) bytes")
            }
            return Self.messages(Array(buffer[..<count]))
        }
    }

    private static func messages(_ bytes: [UInt8]) -> [NetlinkMessage] {
        var found: [NetlinkMessage] = []
        var place = 0
        while place + 16 <= bytes.count {
            let head = NetlinkBytes(bytes, place..<(place + 16))
            let length = Int(head.number(UInt32.self))
            guard length >= 16, place + length <= bytes.count else { break }
            found.append(
                NetlinkMessage(
                    type: head.number(UInt16.self, at: 4),
                    flags: head.number(UInt16.self, at: 6),
                    sequence: head.number(UInt32.self, at: 8),
                    port: head.number(UInt32.self, at: 12),
                    payload: NetlinkBytes(bytes, (place + 16)..<(place + length))
                )
            )
            place += (length + 3) & ~3
        }
        return found
    }
}

extension NetlinkSocket.Refusal {
    /// From an answer `NLMSG_ERROR`, which has its attributes behind the error number and the header
    /// of the refused message.
    package init(_ index: Int, _ errno: Int32, _ answer: NetlinkMessage) {
        self.init(index: index, errno: errno)
        guard answer.flags & UInt16(NLM_F_ACK_TLVS) != 0 else { return }
        let attributes = answer.payload.dropFirst(4 + 16)
        message = attributes.attribute(NLMSGERR_ATTR_MSG.rawValue)?.text
        offset = attributes.attribute(NLMSGERR_ATTR_OFFS.rawValue).map {
            Int($0.number(UInt32.self))
        }
    }
}
