import Foundation

/// The processes in some namespaces.
package struct NamespaceProcesses {
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

    private let identities: Set<Identity>
    private let command: [UInt8]

    /// All, or those whose command line begins with `command`.
    package init(_ namespaces: [String], running command: [String] = []) {
        identities = Set(namespaces.compactMap { Identity("/run/netns/\($0)") })
        self.command = command.flatMap { Array($0.utf8) + [0] }
    }

    /// Without the calling process.
    package var pids: [Int32] {
        LabBuilder.files("/proc").compactMap { name in
            guard let pid = Int32(name), pid != getpid(),
                let own = Identity("/proc/\(name)/ns/net"), identities.contains(own), isWanted(pid)
            else { return nil }
            return pid
        }
    }

    private func isWanted(_ pid: Int32) -> Bool {
        guard !command.isEmpty else { return true }
        let file = URL(fileURLWithPath: "/proc/\(pid)/cmdline")
        return (try? Data(contentsOf: file))?.starts(with: command) ?? false
    }

    package func signal(_ number: Int32) {
        for pid in pids { kill(pid, number) }
    }

    /// Ends them: with SIGTERM, and with SIGKILL what is left after two seconds.
    package func end() {
        for signal in [SIGTERM, SIGKILL] {
            self.signal(signal)
            let deadline = Deadline(in: .seconds(2))
            while !pids.isEmpty, !deadline.hasPassed { usleep(10_000) }
        }
    }
}
