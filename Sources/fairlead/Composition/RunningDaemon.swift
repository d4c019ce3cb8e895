import ArgumentParser
import DaemonConfiguration
import Dispatch
import Foundation
import Glibc
import NIOHTTP1
import Synchronization

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
        case 0: break
        case ENOENT, ECONNREFUSED, ENOTDIR: return nil
        case let error:
            let reason = String(cString: strerror(error))
            complain("warning: the daemon is not asked for its configuration: \(socket): \(reason)")
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

    /// 0 if somebody listens.
    private static func connectionError(_ path: String) -> Int32 {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.utf8)
        guard bytes.count < MemoryLayout.size(ofValue: address.sun_path) else { return ENOENT }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        let descriptor = Glibc.socket(
            AF_UNIX,
            Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue),
            0
        )
        guard descriptor >= 0 else { return errno }
        defer { close(descriptor) }
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        return result == 0 ? 0 : errno
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
