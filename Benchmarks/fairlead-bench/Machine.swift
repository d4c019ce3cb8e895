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

    private static var processor: String {
        let file = open("/proc/cpuinfo", O_RDONLY)
        guard file >= 0 else { return "unknown processor" }
        defer { close(file) }
        let line = Pipe.readAll(file).split(separator: "\n").first { $0.hasPrefix("model name") }
        return line?.split(separator: ":").last.map { String($0.drop { $0 == " " }) }
            ?? "unknown processor"
    }
}
