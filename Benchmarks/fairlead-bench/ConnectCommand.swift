import Addressing
import ArgumentParser
import Glibc
import HostFacts

/// Connects again and again in the namespace of another process and prints the median, in
/// microseconds.
struct ConnectCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "connect", shouldDisplay: false)

    @Argument var process: Int32
    @Argument var address: UInt32
    @Argument var port: UInt16
    @Argument var count: Int

    func run() throws {
        try NetworkNamespace.enter("/proc/\(process)/ns/net")
        for _ in 0..<100 { _ = try Sockets.timeConnect(address, port) }
        var times: [Double] = []
        for _ in 0..<count { times.append(try Sockets.timeConnect(address, port)) }
        times.sort()
        print(times[count / 2] * 1e6)
    }
}
