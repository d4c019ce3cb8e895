import Glibc

/// The processes that live in some namespaces.
package struct LabResidents {
    /// A namespace is one file of one file system, whatever path leads to it.
    private struct Identity: Hashable {
        var device: UInt64
        var file: UInt64

        init?(_ path: String) {
            var status = stat()
            guard unsafe stat(path, &status) == 0 else { return nil }
            device = UInt64(status.st_dev)
            file = UInt64(status.st_ino)
        }
    }

    private let homes: Set<Identity>
    private let command: [UInt8]

    /// All, or those whose command line begins with `command`.
    package init(_ namespaces: [String], running command: [String] = []) {
        homes = Set(namespaces.compactMap { Identity("/run/netns/\($0)") })
        self.command = command.flatMap { Array($0.utf8) + [0] }
    }

    /// Never our own.
    package var pids: [Int32] {
        LabBuilder.files("/proc").compactMap { name in
            guard let pid = Int32(name), pid != getpid(),
                let home = Identity("/proc/\(name)/ns/net"), homes.contains(home), isWanted(pid)
            else { return nil }
            return pid
        }
    }

    private func isWanted(_ pid: Int32) -> Bool {
        guard !command.isEmpty else { return true }
        let file = unsafe open("/proc/\(pid)/cmdline", O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return false }
        defer { close(file) }
        var start = [UInt8](repeating: 0, count: command.count)
        return unsafe read(file, &start, start.count) == start.count && start == command
    }

    /// Asks them to end, and after two seconds no longer asks.
    package func end() {
        for pid in pids { kill(pid, SIGTERM) }
        let deadline = Deadline(in: .seconds(2))
        while !pids.isEmpty, !deadline.hasPassed { usleep(10_000) }
        for pid in pids { kill(pid, SIGKILL) }
        let end = Deadline(in: .seconds(2))
        while !pids.isEmpty, !end.hasPassed { usleep(10_000) }
    }
}
