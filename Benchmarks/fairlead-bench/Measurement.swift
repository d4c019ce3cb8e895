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

    static func seconds(_ clock: clockid_t) -> Double {
        var now = timespec()
        clock_gettime(clock, &now)
        return Double(now.tv_sec) + Double(now.tv_nsec) / 1e9
    }

    /// The middle one by CPU time.
    static func median(_ costs: [Cost]) -> Cost {
        costs.sorted { $0.cpu < $1.cpu }[costs.count / 2]
    }
}

/// The largest resident set this process has had, in MiB.
func peakResidentMiB() -> Double {
    var usage = rusage()
    getrusage(RUSAGE_SELF, &usage)
    return Double(usage.ru_maxrss) / 1024
}
