import Addressing
import ArgumentParser
import Glibc
import ServiceModel

/// A network namespace with Services for TCP and UDP in it, by rules or at the socket level, and servers behind
/// them, until standard input ends. The namespace has no name and ends with this.
struct SocketServeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "socket-serve",
        shouldDisplay: false
    )

    /// What stands between clients and endpoints.
    enum Level: String, ExpressibleByArgument, CaseIterable {
        case nothing, sockets, nftables, iptables
        /// The socket level with nftables' rules below it, which see no ClusterIP then.
        case socketsAboveRules
    }

    @Argument var services: Int
    @Argument var level: Level
    /// Clients have to enter it.
    @Argument var cgroup: String

    static func workload(_ services: Int) -> Workload {
        var workload = Workload(services: services, endpoints: 10)
        workload.transports = [.tcp, .udp]
        return workload
    }

    func run() throws {
        try FairleadTables.enterNewNamespace()
        try BenchCluster.makeNetwork()
        let update = Self.workload(services).full
        var sockets: SocketTables?
        switch level {
        case .nothing: break
        case .iptables:
            var tables = FairleadTables()
            _ = try tables.program(update)
        case .nftables: try programRules(update)
        case .sockets: sockets = try makeSockets(update)
        case .socketsAboveRules:
            try programRules(update)
            sockets = try makeSockets(update)
        }
        try EchoServer.start(Workload.targetPort.value)
        // Not print, which would wait for more in a pipe.
        write(1, "ready\n", 6)
        var byte: UInt8 = 0
        while read(0, &byte, 1) > 0 {}
        let overflows = try sockets?.overflows() ?? 0
        if overflows > 0 { throw BenchFailure("\(overflows) sockets were left to the rules") }
    }

    private func programRules(_ update: SnapshotUpdate) throws {
        var tables = NFTTables()
        _ = try tables.program(update)
    }

    private func makeSockets(_ update: SnapshotUpdate) throws -> SocketTables {
        var tables = try SocketTables(Cgroup(at: cgroup))
        _ = try tables.program(update)
        return tables
    }
}
