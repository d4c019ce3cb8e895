import Glibc
import SystemCalls

/// User and system times that the kernel keeps of a process, in seconds, in steps of 10 ms
/// (`/proc/PID/stat`).
struct ProcessTimes {
    var parent: pid_t
    var own: Double
    var endedChildren: Double

    /// Nil once it has ended.
    static func of(_ id: pid_t) throws -> ProcessTimes? {
        guard let text = try? text("/proc/\(id)/stat"), let name = text.lastIndex(of: ")") else {
            return nil
        }
        // After the name, which may have blanks: state, parent, ...
        let fields = text[name...].split(separator: " ").dropFirst().map(String.init)
        guard fields.count > 14, let parent = pid_t(fields[1]) else {
            throw BenchFailure("/proc/\(id)/stat has other fields")
        }
        let ticks = fields[11...14].map { (Double($0) ?? 0) / Double(sysconf(Int32(_SC_CLK_TCK))) }
        return ProcessTimes(
            parent: parent,
            own: ticks[0] + ticks[1],
            endedChildren: ticks[2] + ticks[3]
        )
    }

    /// Of all running children of a process, with their own ended ones.
    static func ofChildren(of parent: pid_t) throws -> Double {
        var sum = 0.0
        for entry in try DirectoryEntry.all(in: "/proc") {
            guard let id = pid_t(entry.name), let times = try of(id), times.parent == parent else {
                continue
            }
            sum += times.own + times.endedChildren
        }
        return sum
    }

    static func text(_ path: String) throws -> String {
        let file = open(path, O_RDONLY)
        guard file >= 0 else { throw BenchFailure.system(path) }
        defer { close(file) }
        return Pipe.readAll(file)
    }
}
