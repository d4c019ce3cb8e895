import Glibc

/// What a piece of work cost.
struct Cost {
    /// User and system time, in seconds.
    var cpu: Double
    /// In seconds.
    var wall: Double

    /// Measures `work` in this process.
    static func of<Result>(_ work: () throws -> Result) rethrows -> (Cost, Result) {
        let cpu = seconds(CLOCK_PROCESS_CPUTIME_ID)
        let wall = seconds(CLOCK_MONOTONIC)
        let result = try work()
        return (
            Cost(
                cpu: seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu,
                wall: seconds(CLOCK_MONOTONIC) - wall
            ),
            result
        )
    }

    static func + (left: Cost, right: Cost) -> Cost {
        Cost(cpu: left.cpu + right.cpu, wall: left.wall + right.wall)
    }

    static func seconds(_ clock: clockid_t) -> Double {
        var now = timespec()
        clock_gettime(clock, &now)
        return Double(now.tv_sec) + Double(now.tv_nsec) / 1e9
    }

    /// The middle one by CPU time; the upper of two.
    static func median(_ costs: [Cost]) -> Cost {
        costs.sorted { $0.cpu < $1.cpu }[costs.count / 2]
    }

    /// The one that took the least CPU time.
    static func least(_ costs: [Cost]) -> Cost {
        costs.min { $0.cpu < $1.cpu } ?? Cost(cpu: 0, wall: 0)
    }
}

/// The largest resident set this program has had (`VmHWM`), in MiB.
///
/// Not from `getrusage`, whose figure includes the parent's memory before exec.
func peakResidentMiB() -> Double {
    guard let file = fopen("/proc/self/status", "r") else { return 0 }
    defer { fclose(file) }
    var line = [CChar](repeating: 0, count: 256)
    while fgets(&line, Int32(line.count), file) != nil {
        let words = String(decoding: line.prefix { $0 != 0 }.map(UInt8.init), as: UTF8.self)
            .split(whereSeparator: \.isWhitespace)
        if words.first == "VmHWM:", words.count > 1, let kibibytes = Double(words[1]) {
            return kibibytes / 1024
        }
    }
    return 0
}
