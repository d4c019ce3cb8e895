import ArgumentParser
import DaemonConfiguration
import Dispatch
import Foundation
import Glibc
import NIOHTTP1
import Synchronization
import SystemCalls
import SystemPackage

/// The daemon that runs on this host, asked by commands for the configuration it goes by: so they work
/// as the same node, with the same sources and mode, however the daemon was started.
struct RunningDaemon {
    /// What it answers at `/configuration`.
    struct Answer: Codable, Sendable {
        var version: String
        var pid: Int32
        /// In Fairlead's own form, with the node's name and the mode that were chosen.
        var configuration: String
    }

    let socket: String
    let pid: Int32
    let configuration: DaemonConfiguration

    /// Nil if no daemon listens at `socket`, or it may not be asked, which is complained about.
    static func find(at socket: String) throws -> RunningDaemon? {
        switch connectionError(socket) {
        case nil: break
        case .noSuchFileOrDirectory, .connectionRefused, .notDirectory: return nil
        case let error?:
            complain("warning: the daemon is not asked for its configuration: \(socket): \(error)")
            return nil
        }
        let answer: Answer
        do {
            let data = try waiting {
                try await DaemonOptions.parse(["--socket", socket])
                    .ask("/configuration", method: .GET)
            }
            answer = try JSONDecoder().decode(Answer.self, from: data)
        } catch {
            complain("warning: the daemon at \(socket) does not tell its configuration")
            return nil
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

    /// A command runs on the main thread, which may have to enter a namespace later and so must not
    /// be one of those that tasks share.
    private static func waiting(_ body: @escaping @Sendable () async throws -> Data) throws -> Data
    {
        let done = DispatchSemaphore(value: 0)
        let result = Mutex<Result<Data, any Error>?>(nil)
        Task.detached {
            do {
                let data = try await body()
                result.withLock { $0 = .success(data) }
            } catch {
                result.withLock { $0 = .failure(error) }
            }
            done.signal()
        }
        done.wait()
        return try result.withLock { $0 }?.get() ?? Data()
    }
}

extension RunningDaemon.Answer {
    /// Of the daemon that this is.
    init(_ configuration: DaemonConfiguration) {
        var configuration = configuration
        configuration.node.name = configuration.nodeName
        configuration.makePathsAbsolute()
        version = Version.text
        pid = getpid()
        self.configuration = configuration.text()
    }
}

extension DaemonConfiguration {
    /// Paths from the working directory, which is another elsewhere.
    mutating func makePathsAbsolute() {
        sources.filePath = absolutePath(sources.filePath)
        makeKubeconfigAbsolute()
    }

    mutating func makeKubeconfigAbsolute() {
        guard let path = sources.kubernetes?.kubeconfig else { return }
        sources.kubernetes?.kubeconfig = absolutePath(path)
    }
}

/// From the working directory; empty stays empty.
private func absolutePath(_ path: String) -> String {
    guard !path.isEmpty, !path.hasPrefix("/") else { return path }
    return "\(FileManager.default.currentDirectoryPath)/\(path)"
}
