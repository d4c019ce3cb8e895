import Addressing
import ArgumentParser
import Glibc
import ServiceModel

/// A network namespace with Services in it and a server behind them, until standard input ends:
/// also when the one who started it is killed. The namespace has no name and ends with this.
struct ServeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "serve", shouldDisplay: false)

    /// Whose tables they are.
    enum Mode: String, ExpressibleByArgument {
        case iptables, nftables
    }

    /// Zero leaves the tables empty.
    @Argument var services: Int
    @Argument var mode: Mode

    func run() throws {
        try FairleadTables.enterNewNamespace()
        try BenchCluster.makeNetwork()
        if services > 0 {
            try program(Workload(services: services, endpoints: 10).full)
        }
        let listener = try Sockets.listen(Workload.targetPort.value)
        // Not print, which would wait for more in a pipe.
        write(1, "ready\n", 6)
        serve(listener)
    }

    private func program(_ update: SnapshotUpdate) throws {
        switch mode {
        case .iptables:
            var tables = FairleadTables()
            _ = try tables.program(update)
        case .nftables:
            var tables = NFTTables()
            _ = try tables.program(update)
        }
    }

    private func serve(_ listener: Int32) {
        var waiting = [
            pollfd(fd: 0, events: 0, revents: 0),
            pollfd(fd: listener, events: Int16(POLLIN), revents: 0),
        ]
        while true {
            guard poll(&waiting, 2, -1) > 0 else { continue }
            if waiting[0].revents != 0 { return }
            let connection = accept(listener, nil, nil)
            if connection >= 0 { close(connection) }
        }
    }
}
