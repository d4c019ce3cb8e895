import ArgumentParser
import DaemonConfiguration
import FoundationEssentials
import Glibc
import HostFacts
import NIOHTTP1
import Observability
import Running
import SystemCalls
import SystemPackage
import Telemetry

/// The daemon that runs on this host. Commands ask it for its configuration, so that they use the same
/// node name, sources and mode however the daemon was started.
struct RunningDaemon {
    let socket: String
    let pid: Int32
    let configuration: DaemonConfiguration

    /// Nil if no daemon listens at `socket`, or if it cannot be asked, which is printed as a warning, or with `mustAnswer`
    /// an error.
    ///
    /// - Throws: `CommandFailure` if this version cannot use its configuration.
    static func find(at socket: String, mustAnswer: Bool = false) throws -> RunningDaemon? {
        func silent(_ problem: String) throws -> RunningDaemon? {
            if mustAnswer { throw CommandFailure("nothing done: \(problem). Stop it first") }
            complain("warning: \(problem)")
            return nil
        }
        switch connectionError(socket) {
        case nil: break
        case .noSuchFileOrDirectory, .connectionRefused, .notDirectory: return nil
        case let error?:
            return try silent("cannot ask the daemon for its configuration: \(socket): \(error)")
        }
        let answer: ConfigurationAnswer
        do {
            let data = try waiting {
                try await DaemonOptions.parse(["--socket", socket])
                    .ask("/configuration", method: .GET)
            }
            answer = try JSONDecoder().decode(ConfigurationAnswer.self, from: data)
        } catch {
            return try silent("the daemon at \(socket) did not send its configuration")
        }
        do {
            let loaded = try LoadedConfiguration(text: answer.configuration, file: socket)
            return RunningDaemon(
                socket: socket,
                pid: answer.pid,
                configuration: loaded.configuration
            )
        } catch {
            throw CommandFailure(
                "the configuration of the daemon at \(socket), of version \(answer.version), cannot be used by version \(Version.text): \(error)\nName a configuration file with --config."
            )
        }
    }

    /// Nil if a daemon listens.
    private static func connectionError(_ path: String) -> Errno? {
        guard let address = SystemAddress(unix: path) else { return .noSuchFileOrDirectory }
        do throws(Errno) {
            try address.connect(try OwnedDescriptor(socket: AF_UNIX, SOCK_STREAM))
            return nil
        } catch {
            return error
        }
    }
}

extension RunningDaemon {
    /// Whether it programs the network namespace that this configuration is for, as far as that can be told.
    func shares(_ other: DaemonConfiguration) -> Bool {
        let own = configuration.networkNamespace.map(NetworkNamespace.path(of:))
        let wanted = other.networkNamespace.map(NetworkNamespace.path(of:))
        guard let present = NetworkNamespace.number(own ?? "/proc/\(pid)/ns/net"),
            let asked = NetworkNamespace.number(wanted ?? "/proc/self/ns/net")
        else { return true }
        return present == asked
    }

    /// What it says of itself; nil if it does not answer.
    var status: DaemonStatus? {
        let answer = try? waiting {
            try await DaemonOptions.parse(["--socket", socket]).ask("/status", method: .GET)
        }
        return answer.flatMap { try? JSONDecoder().decode(DaemonStatus.self, from: $0) }
    }

    /// Prints why a daemon of this configuration may not make the kernel what the sources say now.
    static func complainOfKept(_ configuration: DaemonConfiguration) {
        guard let socket = configuration.status.socket, let daemon = try? find(at: socket),
            daemon.shares(configuration), let status = daemon.status
        else { return }
        for problem in status.sourceProblems {
            complain(
                "note: the daemon (process \(daemon.pid)) may keep an earlier version: \(problem)"
            )
        }
        if let hold = status.hold { complain("note: the daemon's removal guard \(hold)") }
    }
}
