import CIPTables
import Glibc

/// Answers every request over TCP, one connection after the other, and over UDP, each on a thread of its own.
enum EchoServer {
    /// Returns at once.
    static func start(_ port: UInt16) throws {
        let listener = try Sockets.listen(port)
        let datagrams = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
        var address = Sockets.sockaddr(0, port)
        guard datagrams >= 0, Sockets.withAddress(&address, { bind(datagrams, $0, $1) }) == 0 else {
            throw BenchFailure.system("bind")
        }
        // Answers come from the address that was asked, not from the one that a route suggests.
        var yes: Int32 = 1
        setsockopt(datagrams, Int32(IPPROTO_IP), IP_PKTINFO, &yes, 4)
        try thread(listener) { number in
            while true {
                let connection = accept(number, nil, nil)
                if connection < 0 { continue }
                var byte: UInt8 = 0
                while recv(connection, &byte, 1, 0) == 1 {
                    if send(connection, &byte, 1, Int32(MSG_NOSIGNAL)) != 1 { break }
                }
                close(connection)
            }
        }
        try thread(datagrams) { number in
            while true { answerDatagram(number) }
        }
    }

    /// The address that a datagram came to is in its control message, and goes back with the answer as its source.
    private static func answerDatagram(_ number: Int32) {
        var byte: UInt8 = 0
        var client = sockaddr_in()
        withUnsafeTemporaryAllocation(byteCount: 128, alignment: 8) { control in
            withUnsafeMutablePointer(to: &client) { client in
                withUnsafeMutablePointer(to: &byte) { byte in
                    var part = iovec(iov_base: byte, iov_len: 1)
                    withUnsafeMutablePointer(to: &part) { part in
                        var message = msghdr()
                        message.msg_name = UnsafeMutableRawPointer(client)
                        message.msg_namelen = socklen_t(MemoryLayout<sockaddr_in>.size)
                        message.msg_iov = part
                        message.msg_iovlen = 1
                        message.msg_control = control.baseAddress
                        message.msg_controllen = control.count
                        if recvmsg(number, &message, 0) == 1 { _ = sendmsg(number, &message, 0) }
                    }
                }
            }
        }
    }

    private static func thread(_ number: Int32, _ body: @escaping @Sendable (Int32) -> Void) throws
    {
        final class Start {
            let number: Int32
            let body: @Sendable (Int32) -> Void

            init(_ number: Int32, _ body: @escaping @Sendable (Int32) -> Void) {
                (self.number, self.body) = (number, body)
            }
        }
        var thread = pthread_t()
        let start = Unmanaged.passRetained(Start(number, body)).toOpaque()
        let failure = pthread_create(
            &thread,
            nil,
            { argument in
                guard let argument else { return nil }
                let start = Unmanaged<Start>.fromOpaque(argument).takeRetainedValue()
                start.body(start.number)
                return nil
            },
            start
        )
        guard failure == 0 else { throw BenchFailure("no thread for a server: error \(failure)") }
    }
}

extension Sockets {
    static func withAddress(
        _ address: inout sockaddr_in,
        _ body: (UnsafePointer<Glibc.sockaddr>, socklen_t) -> Int32
    ) -> Int32 {
        withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: Glibc.sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    }
}
