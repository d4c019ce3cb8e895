import CIPTables
import Glibc

/// Plain IPv4 TCP.
enum Sockets {
    /// A socket that listens on all addresses.
    static func listen(_ port: UInt16) throws -> Int32 {
        let number = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard number >= 0 else { throw BenchFailure.system("socket") }
        var address = sockaddr(0, port)
        let bound = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: Glibc.sockaddr.self, capacity: 1) {
                bind(number, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard bound == 0, Glibc.listen(number, 4096) == 0 else {
            throw BenchFailure.system("listen")
        }
        return number
    }

    /// How long `connect` took, in seconds. The connection is reset at once, so that no port is
    /// kept waiting.
    static func timeConnect(_ address: UInt32, _ port: UInt16) throws -> Double {
        let number = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard number >= 0 else { throw BenchFailure.system("socket") }
        defer { close(number) }
        var abort = linger(l_onoff: 1, l_linger: 0)
        setsockopt(number, SOL_SOCKET, SO_LINGER, &abort, socklen_t(MemoryLayout<linger>.size))
        var target = sockaddr(address, port)
        let start = Cost.seconds(CLOCK_MONOTONIC)
        let connected = withUnsafePointer(to: &target) {
            $0.withMemoryRebound(to: Glibc.sockaddr.self, capacity: 1) {
                connect(number, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        let end = Cost.seconds(CLOCK_MONOTONIC)
        guard connected == 0 else { throw BenchFailure.system("connect") }
        return end - start
    }

    static func sockaddr(_ address: UInt32, _ port: UInt16) -> sockaddr_in {
        var result = sockaddr_in()
        result.sin_family = sa_family_t(AF_INET)
        result.sin_port = port.bigEndian
        result.sin_addr.s_addr = address.bigEndian
        return result
    }
}
