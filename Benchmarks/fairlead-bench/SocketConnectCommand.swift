import Addressing
import ArgumentParser
import CIPTables
import Glibc
import HostFacts

/// A client in the namespace of another process and in a cgroup: prints how long a connection with one request
/// takes from `socket` to `close`, and a request on one that is open, as medians in microseconds; every request must
/// be answered.
struct SocketConnectCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "socket-connect",
        shouldDisplay: false
    )

    enum Transport: String, ExpressibleByArgument, CaseIterable {
        case tcp, udp
    }

    @Argument var process: Int32
    @Argument var cgroup: String
    @Argument var transport: Transport
    @Argument var address: UInt32
    @Argument var port: UInt16
    @Argument var count: Int

    func run() throws {
        try NetworkNamespace.enter("/proc/\(process)/ns/net")
        try Cgroup(at: cgroup).enter()
        for _ in 0..<100 { _ = try timeConnection() }
        let began = Cost.seconds(CLOCK_MONOTONIC)
        var connections: [Double] = []
        for _ in 0..<count { connections.append(try timeConnection()) }
        let rate = Double(count) / (Cost.seconds(CLOCK_MONOTONIC) - began)
        let open = try connect()
        defer { close(open) }
        var requests: [Double] = []
        for _ in 0..<count {
            let start = Cost.seconds(CLOCK_MONOTONIC)
            try exchange(open)
            requests.append(Cost.seconds(CLOCK_MONOTONIC) - start)
        }
        print(median(connections) * 1e6, median(requests) * 1e6, rate)
    }

    private func median(_ times: [Double]) -> Double { times.sorted()[times.count / 2] }

    /// In seconds.
    private func timeConnection() throws -> Double {
        let start = Cost.seconds(CLOCK_MONOTONIC)
        let number = try connect()
        do {
            defer { close(number) }
            try exchange(number)
        }
        return Cost.seconds(CLOCK_MONOTONIC) - start
    }

    /// A connection is reset when it is closed, so that no port is kept waiting.
    private func connect() throws -> Int32 {
        let kind = transport == .tcp ? SOCK_STREAM : SOCK_DGRAM
        let number = socket(AF_INET, Int32(kind.rawValue), 0)
        guard number >= 0 else { throw BenchFailure.system("socket") }
        if transport == .tcp {
            var abort = linger(l_onoff: 1, l_linger: 0)
            setsockopt(number, SOL_SOCKET, SO_LINGER, &abort, socklen_t(MemoryLayout<linger>.size))
        }
        var target = Sockets.sockaddr(address, port)
        guard Sockets.withAddress(&target, { Glibc.connect(number, $0, $1) }) == 0 else {
            throw BenchFailure.system("connect")
        }
        return number
    }

    private func exchange(_ number: Int32) throws {
        var byte: UInt8 = 63
        guard send(number, &byte, 1, 0) == 1, recv(number, &byte, 1, 0) == 1 else {
            throw BenchFailure.system("a request")
        }
    }
}
