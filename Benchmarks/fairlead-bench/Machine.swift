import Glibc

/// What the figures were measured on.
enum Machine {
    static var description: String {
        var names = utsname()
        uname(&names)
        let release = withUnsafeBytes(of: &names.release) { bytes in
            String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
        let cores = sysconf(Int32(_SC_NPROCESSORS_ONLN))
        return "\(processor), \(cores) cores, Linux \(release.prefix { $0 != "-" })"
    }

    /// Waits until nothing but this runs any more, for half a minute at most.
    static func waitUntilIdle() throws {
        for _ in 0..<300 {
            let before = try busySeconds()
            usleep(100_000)
            if try busySeconds() - before < 0.02 { return }
        }
        throw BenchFailure("the machine does not come to rest")
    }

    /// The time that processors did something.
    private static func busySeconds() throws -> Double {
        let file = open("/proc/stat", O_RDONLY)
        guard file >= 0 else { throw BenchFailure.system("/proc/stat") }
        defer { close(file) }
        // cpu user nice system idle iowait irq softirq …, in hundredths.
        let words = Pipe.readAll(file).prefix { $0 != "\n" }.split(separator: " ")
        let ticks = words.dropFirst().compactMap { Double($0) }
        guard ticks.count >= 7 else { throw BenchFailure("/proc/stat is of another shape") }
        return (ticks[0] + ticks[1] + ticks[2] + ticks[5] + ticks[6]) / 100
    }

    private static var processor: String {
        let file = open("/proc/cpuinfo", O_RDONLY)
        guard file >= 0 else { return "unknown processor" }
        defer { close(file) }
        let line = Pipe.readAll(file).split(separator: "\n").first { $0.hasPrefix("model name") }
        return line?.split(separator: ":").last.map { String($0.drop { $0 == " " }) }
            ?? "unknown processor"
    }
}
