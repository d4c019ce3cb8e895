import Addressing
import Glibc
import Testing

@testable import HTTPServing

@Suite("Taken ports")
struct TakenPortTests {
    @Test("A port that is taken in one family is taken, and IPv4 is not served alone")
    func taken() throws {
        // Somebody else's, on IPv6 alone.
        let other = socket(AF_INET6, Int32(SOCK_STREAM.rawValue), 0)
        try #require(other >= 0)
        defer { close(other) }
        var only: Int32 = 1
        setsockopt(
            other,
            Int32(IPPROTO_IPV6),
            IPV6_V6ONLY,
            &only,
            socklen_t(MemoryLayout<Int32>.size)
        )
        var address = sockaddr_in6()
        address.sin6_family = sa_family_t(AF_INET6)
        var size = socklen_t(MemoryLayout<sockaddr_in6>.size)
        let status = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                bind(other, pointer, size) == 0 && listen(other, 1) == 0
                    ? getsockname(other, pointer, &size) : -1
            }
        }
        try #require(status == 0)
        let port = try #require(PortNumber(Int(UInt16(bigEndian: address.sin6_port))))
        let error = try #require(throws: ListeningError.self) {
            close(try ListeningSocket.open(.everywhere(port)))
        }
        #expect("\(error)".hasSuffix("Address already in use"))
    }
}
