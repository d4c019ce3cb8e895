import Glibc
import SystemCalls

/// The kernel's figures about this process, under the names all Prometheus clients use.
package enum ProcessMetrics {
    /// Those that the kernel says.
    package static func read() -> [MetricFamily] {
        let status = Status()
        let addresses = limit(__rlimit_resource_t(RLIMIT_AS.rawValue))
        let files = limit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue))
        let families: [(String, String, MetricFamily.Kind, Double?)] = [
            ("cpu_seconds_total", "User and system CPU time.", .counter, status?.cpuSeconds),
            ("start_time_seconds", "Start time of the process.", .gauge, status?.start),
            ("resident_memory_bytes", "Resident memory.", .gauge, status?.residentBytes),
            ("virtual_memory_bytes", "Virtual memory.", .gauge, status?.virtualBytes),
            ("virtual_memory_max_bytes", "Limit of virtual memory.", .gauge, addresses),
            ("open_fds", "Open file descriptors.", .gauge, openFiles()),
            ("max_fds", "Limit of open file descriptors.", .gauge, files),
        ]
        return families.map { MetricFamily("process_\($0)", $1, $2, $3) }
            .filter { !$0.samples.isEmpty }
    }

    /// `/proc/self/stat` (proc_pid_stat(5)).
    private struct Status {
        var cpuSeconds: Double
        var start: Double
        var virtualBytes: Double
        var residentBytes: Double

        init?() {
            // The fields after the program's name, which may contain blanks.
            guard let text = ProcessMetrics.content("/proc/self/stat"),
                let end = text.lastIndex(of: ")")
            else { return nil }
            let fields = text[text.index(after: end)...].split(separator: " ").map {
                Double($0) ?? 0
            }
            guard fields.count > 21 else { return nil }
            let ticks = Double(sysconf(Int32(_SC_CLK_TCK)))
            cpuSeconds = (fields[11] + fields[12]) / ticks
            start = fields[19] / ticks + ProcessMetrics.bootTime
            virtualBytes = fields[20]
            residentBytes = fields[21] * Double(sysconf(Int32(_SC_PAGESIZE)))
        }
    }

    /// Seconds since 1970.
    private static let bootTime: Double = {
        let line = content("/proc/stat")?.split(separator: "\n").first { $0.hasPrefix("btime ") }
        return line.flatMap { Double($0.dropFirst("btime ".count)) } ?? 0
    }()

    private static func content(_ path: String) -> String? {
        (try? WholeFile.read(path, limit: 1 << 24)).map { String(decoding: $0, as: UTF8.self) }
    }

    private static func limit(_ resource: __rlimit_resource_t) -> Double? {
        var limit = rlimit()
        guard unsafe getrlimit(resource, &limit) == 0 else { return nil }
        return limit.rlim_cur == rlim_t.max ? .infinity : Double(limit.rlim_cur)
    }

    private static func openFiles() -> Double? {
        guard let directory = unsafe opendir("/proc/self/fd") else { return nil }
        defer { unsafe closedir(directory) }
        var count = 0
        while unsafe readdir(directory) != nil { count += 1 }
        // Without `.`, `..` and the descriptor used for reading.
        return Double(count - 3)
    }
}
