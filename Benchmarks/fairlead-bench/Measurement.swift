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

    /// Measures each of many things that are too short for the clock of CPU time, which in User-mode
    /// Linux has steps of 10 ms: all get the same share of their common CPU time.
    static func ofEach<Item>(_ items: [Item], _ work: (Item) throws -> Void) rethrows -> [Cost] {
        var ends: [Double] = []
        ends.reserveCapacity(items.count)
        let start = seconds(CLOCK_MONOTONIC)
        let (all, _) = try of {
            for item in items {
                try work(item)
                ends.append(seconds(CLOCK_MONOTONIC))
            }
        }
        return zip([start] + ends, ends).map { start, end in
            Cost(cpu: all.cpu / Double(items.count), wall: end - start)
        }
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

    /// The middle one by elapsed time; the upper of two.
    static func medianElapsed(_ costs: [Cost]) -> Cost {
        costs.sorted { $0.wall < $1.wall }[costs.count / 2]
    }

    /// The one that took the least CPU time.
    static func least(_ costs: [Cost]) -> Cost {
        costs.min { $0.cpu < $1.cpu } ?? Cost(cpu: 0, wall: 0)
    }
}

/// The time this program has spent in the kernel so far, in seconds.
func systemSeconds() -> Double {
    var usage = rusage()
    getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    return Double(usage.ru_stime.tv_sec) + Double(usage.ru_stime.tv_usec) / 1e6
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

/// From here on the heap gives nothing back to the kernel, and takes what it needs from what it has.
///
/// A page touched for the first time costs 90 us in User-mode Linux, as much as two netlink
/// messages, and a hundredth of that elsewhere: it would be most of what is measured.
func keepMemory() {
    typealias Function = @convention(c) (Int32, Int32) -> Int32
    // Its header is not in Swift's module of the C library.
    guard let symbol = dlsym(nil, "mallopt") else { return }
    let mallopt = unsafeBitCast(symbol, to: Function.self)
    let (trimThreshold, largestMappings): (Int32, Int32) = (-1, -4)
    _ = mallopt(trimThreshold, .max)
    _ = mallopt(largestMappings, 0)
}
