package import DaemonConfiguration
import FoundationEssentials
import Glibc
import HostFacts
import Logging
import SystemCalls
import SystemPackage

/// Keeps two daemons from working on the same network namespace with the same state directory: each would
/// take the other's rules for another program's.
///
/// A lock of flock(2) on a file in the state directory, one for each network namespace. The kernel gives it
/// back when the process ends, however it ends, so that a file that is left behind keeps nobody out.
package struct DaemonLock: ~Copyable {
    /// For how long a daemon that is about to end is waited for: longer than the grace period of the
    /// DaemonSet's pods.
    package static let patience = Duration.seconds(15)
    private static let interval = Duration.milliseconds(100)

    /// Another daemon stays.
    package struct Refusal: Error, CustomStringConvertible {
        package let description: String
    }

    /// The daemon that has the lock, as it has written itself into the file.
    package struct Holder: Sendable, Equatable, CustomStringConvertible {
        package var pid: Int
        /// The number of its PID namespace, which `pid` is of.
        package var namespace: UInt64

        fileprivate static var own: Holder {
            Holder(pid: Int(getpid()), namespace: Self.ownNamespace)
        }

        private static var ownNamespace: UInt64 { inode("/proc/self/ns/pid") ?? 0 }

        fileprivate var text: String { "\(pid) \(namespace)\n" }

        fileprivate init(pid: Int, namespace: UInt64) {
            (self.pid, self.namespace) = (pid, namespace)
        }

        /// Nil for anything but `text`.
        fileprivate init?(_ text: String) {
            let words = text.split(whereSeparator: \.isWhitespace)
            guard words.count == 2, let pid = Int(words[0]), let space = UInt64(words[1])
            else { return nil }
            self.init(pid: pid, namespace: space)
        }

        /// `process 4711`.
        package var description: String {
            "process \(pid)" + (namespace == Self.ownNamespace ? "" : " of another container")
        }
    }

    private let path: String
    private let file: OwnedDescriptor

    private init(_ path: String, _ file: consuming OwnedDescriptor) {
        self.path = path
        self.file = file
    }

    /// Takes the lock, and waits for a daemon that has it to end: up to `patience`, or until `isStopping`. Nil if
    /// the configuration has no state directory, its network namespace is not there, which the start fails for, or
    /// the file cannot be made, which is logged.
    ///
    /// - Throws: `Refusal`.
    static func take(
        _ configuration: DaemonConfiguration,
        _ logger: Logger,
        patience: Duration = Self.patience,
        isStopping: () -> Bool = { false }
    ) async throws -> DaemonLock? {
        guard let path = path(configuration) else { return nil }
        let end = ContinuousClock.now + patience
        var isSaid = false
        do {
            while true {
                if let lock = try attempt(path) { return lock }
                let holder = holder(path).map(\.description) ?? "a process that it does not name"
                guard ContinuousClock.now < end, !isStopping() else {
                    throw Refusal(
                        description:
                            "another Fairlead daemon runs in this network namespace: \(holder), which has locked \(path). Stop it first"
                    )
                }
                if !isSaid {
                    logger.notice(
                        "Waiting for another daemon to end",
                        metadata: ["daemon": "\(holder)", "lock": "\(path)"]
                    )
                }
                isSaid = true
                try await Task.sleep(for: interval)
            }
        } catch let error as FileError {
            logger.warning(
                "Whether another daemon runs is not known",
                metadata: ["problem": "\(path): \(error)"]
            )
            return nil
        }
    }

    /// The daemon that runs with this configuration; nil if none does, or it cannot be found out.
    package static func holder(_ configuration: DaemonConfiguration) -> Holder? {
        guard let path = path(configuration), let file = try? open(path, creating: false),
            flock(file.number, LOCK_SH | LOCK_NB) != 0, errno == EWOULDBLOCK
        else { return nil }
        return holder(path)
    }

    /// Gives the lock back, and removes its file: the next daemon makes another.
    consuming func end() { unsafe unlink(path) }

    // MARK: - The file

    /// A file for each network namespace, as a host has several.
    private static func path(_ configuration: DaemonConfiguration) -> String? {
        let namespace =
            configuration.networkNamespace.map(NetworkNamespace.path(of:)) ?? "/proc/self/ns/net"
        guard let directory = configuration.sources.stateDirectory, let number = inode(namespace)
        else { return nil }
        return "\(directory)/daemon-\(number).lock"
    }

    /// Nil if another process has the lock.
    private static func attempt(_ path: String) throws(FileError) -> DaemonLock? {
        while true {
            let file = try open(path, creating: true)
            guard flock(file.number, LOCK_EX | LOCK_NB) == 0 else {
                if errno == EINTR { continue }
                guard errno == EWOULDBLOCK else { throw .call("flock", .last) }
                return nil
            }
            // The daemon that had it may have removed the file since it was opened.
            guard inode(path) == identity(file) else { continue }
            try write(Holder.own, path)
            return DaemonLock(path, file)
        }
    }

    /// By a descriptor that is closed again: while one is open for writing, a file system can't be made read-only.
    private static func write(_ holder: Holder, _ path: String) throws(FileError) {
        let file: OwnedDescriptor
        do throws(Errno) {
            file = try OwnedDescriptor(
                opening: path,
                .writeOnly,
                options: [.truncate, .noFollow, .nonBlocking]
            )
        } catch {
            throw .call("open", error)
        }
        try file.writeAll(holder.text.utf8)
    }

    private static func open(_ path: String, creating: Bool) throws(FileError) -> OwnedDescriptor {
        if creating, let slash = path.lastIndex(of: "/") {
            // If it cannot be made, neither can the file.
            try? FileManager.default.createDirectory(
                atPath: String(path[..<slash]),
                withIntermediateDirectories: true
            )
        }
        do throws(Errno) {
            return try OwnedDescriptor(
                opening: path,
                .readOnly,
                // Opening a pipe would wait for a writer.
                options: creating
                    ? [.create, .noFollow, .nonBlocking] : [.noFollow, .nonBlocking],
                permissions: creating ? .ownerReadWrite : nil
            )
        } catch {
            throw .call("open", error)
        }
    }

    private static func holder(_ path: String) -> Holder? {
        let text = try? WholeFile.read(path, limit: 64, options: .noFollow, regularOnly: true)
        return text.flatMap { Holder(String(decoding: $0, as: UTF8.self)) }
    }

    private static func identity(_ file: borrowing OwnedDescriptor) -> UInt64? {
        var status = stat()
        return unsafe fstat(file.number, &status) == 0 ? UInt64(status.st_ino) : nil
    }
}

/// The number of what `path` leads to; nil if there is nothing.
private func inode(_ path: String) -> UInt64? {
    var status = stat()
    return unsafe stat(path, &status) == 0 ? UInt64(status.st_ino) : nil
}
