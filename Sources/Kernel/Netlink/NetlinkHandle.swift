import CNetlink
import DataplaneModel
import Glibc
import HostFacts
import SystemCalls

/// A connected netlink socket of libnl (`struct nl_sock`), in the network namespace of the thread that
/// opened it; closed and freed with this value.
@safe
struct NetlinkHandle: ~Copyable {
    /// For errors.
    private let name: String
    private let socket: OpaquePointer

    /// No datagram from the kernel is longer: a dump fills at most 32 KiB of the buffer it is given, and a
    /// notification or a refusal is shorter.
    private static let answerLimit = 1 << 16

    /// - Throws: the error of `socket` or `bind`: `.unsupported` without the protocol.
    init(_ protocolNumber: Int32, name: String) throws(DataplaneError) {
        guard let socket = unsafe nl_socket_alloc() else {
            throw .system("socket", name, ENOMEM)
        }
        guard unsafe nl_connect(socket, protocolNumber) == 0 else {
            // libnl has fewer error numbers than the kernel; it leaves the kernel's in errno.
            let number = errno
            unsafe nl_socket_free(socket)
            throw .system("socket", name, number)
        }
        // libnl would look at each datagram's length first, which is a system call more.
        unsafe nl_socket_disable_msg_peek(socket)
        _ = unsafe nl_socket_set_msg_buf_size(socket, Self.answerLimit)
        // Numbers are matched by the callers: one acknowledgement answers many messages.
        unsafe nl_socket_disable_seq_check(socket)
        // The kernel has answered when a send returns, so that waiting first would be a system call more.
        guard unsafe nl_socket_set_nonblocking(socket) == 0 else {
            let number = errno
            unsafe nl_socket_free(socket)
            throw .system("fcntl", name, number)
        }
        self.name = name
        unsafe self.socket = socket
    }

    deinit {
        unsafe nl_socket_free(socket)
    }

    /// The port number, by which the kernel names the cause of a notification.
    var port: UInt32 { unsafe nl_socket_get_local_port(socket) }

    /// To wait for what arrives, together with other descriptors.
    var descriptor: Int32 { unsafe nl_socket_get_fd(socket) }

    /// The number for the next message.
    func nextSequence() -> UInt32 { unsafe nl_socket_use_seq(socket) }

    /// Sets an option that libnl has no function for, if the kernel knows it and permits it; false if not.
    @discardableResult
    func set(_ level: Int32, _ option: Int32, _ value: Int32) -> Bool {
        var value = value
        let size = socklen_t(MemoryLayout<Int32>.size)
        return unsafe setsockopt(descriptor, level, option, &value, size) == 0
    }

    /// Bytes for what is sent, as far as the kernel permits.
    ///
    /// Beyond the host's limits (`net.core.wmem_max`) it takes CAP_NET_ADMIN in the first user namespace,
    /// which a container may lack. libnl has set 32 KiB, which is less than a transaction.
    func setSendBuffer(_ size: Int32) {
        if !set(SOL_SOCKET, SO_SNDBUFFORCE, size) { set(SOL_SOCKET, SO_SNDBUF, size) }
    }

    /// As `setSendBuffer`, for what is received (`net.core.rmem_max`).
    func setReceiveBuffer(_ size: Int32) {
        if !set(SOL_SOCKET, SO_RCVBUFFORCE, size) { set(SOL_SOCKET, SO_RCVBUF, size) }
    }

    /// Joins a group of notifications, or leaves it.
    ///
    /// - Throws: the kernel's refusal.
    func listen(_ group: UInt32, _ isListening: Bool) throws(DataplaneError) {
        let group = Int32(bitPattern: group)
        let result =
            isListening
            ? unsafe nl_socket_add_membership(socket, group)
            : unsafe nl_socket_drop_membership(socket, group)
        guard result == 0 else { throw .system("setsockopt", name, errno) }
    }

    /// Sends whole messages with one call.
    ///
    /// - Throws: the error of `sendto`.
    func send(_ messages: ArraySlice<UInt8>) throws(DataplaneError) {
        while true {
            let count = unsafe messages.withUnsafeBytes { bytes in
                // libnl takes the address as mutable and only reads.
                unsafe nl_sendto(socket, .init(mutating: bytes.baseAddress), bytes.count)
            }
            if count == messages.count { return }
            guard count < 0, errno == EINTR else { throw .system("send", name, errno) }
        }
    }

    /// The messages of the next datagram; nil if none has arrived and `isWaiting` is false.
    ///
    /// - Throws: the error of `recvmsg`; `ENOBUFS` if the kernel dropped messages because the socket's
    ///   buffer was full; `ECANCELED` for an answer to optional work that is to be given up.
    func receive(isWaiting: Bool) throws(DataplaneError) -> [NetlinkMessage]? {
        // A notification is not asked for again.
        if isWaiting { try OptionalWork.goOn(name) }
        while true {
            var sender = sockaddr_nl()
            var start: UnsafeMutablePointer<UInt8>?
            let count = unsafe nl_recv(socket, &sender, &start, nil)
            if count == -NLE_AGAIN {
                guard isWaiting else { return nil }
                try waitForArrival()
                continue
            }
            guard count > 0, let start = unsafe start else {
                if count == -NLE_MSG_TRUNC {
                    throw .system("recv", name, EMSGSIZE, message: "an answer over 64 KiB")
                }
                throw .system("recv", name, errno)
            }
            defer { unsafe free(start) }
            // Another process may send to this port; the kernel is port 0.
            guard sender.nl_pid == 0 else { continue }
            ThreadProgress.step()
            return unsafe NetlinkMessage.all(start, Int(count))
        }
    }

    /// Until there is a datagram or an error to be received.
    private func waitForArrival() throws(DataplaneError) {
        var poll = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        while unsafe Glibc.poll(&poll, 1, -1) < 0 {
            guard errno == EINTR else { throw .system("poll", name, errno) }
        }
    }
}

extension NetlinkMessage {
    /// The messages of a datagram of `count` bytes, copied.
    static func all(
        _ start: UnsafeMutablePointer<UInt8>,
        _ count: Int
    ) -> [NetlinkMessage] {
        let storage = unsafe Array(UnsafeBufferPointer(start: start, count: count))
        let base = UnsafeMutableRawPointer(start)
        var header = unsafe base.assumingMemoryBound(to: nlmsghdr.self)
        var left = Int32(clamping: count)
        var found: [NetlinkMessage] = []
        while unsafe nlmsg_ok(header, left) != 0 {
            let payload = unsafe nlmsg_data(header) - base
            let length = Int(unsafe nlmsg_datalen(header))
            unsafe found.append(
                NetlinkMessage(
                    type: header.pointee.nlmsg_type,
                    flags: header.pointee.nlmsg_flags,
                    sequence: header.pointee.nlmsg_seq,
                    port: header.pointee.nlmsg_pid,
                    payload: NetlinkBytes(storage, payload..<(payload + length))
                )
            )
            unsafe header = nlmsg_next(header, &left)
        }
        return found
    }
}
