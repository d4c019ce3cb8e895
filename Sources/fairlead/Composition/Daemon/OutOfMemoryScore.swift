import Glibc

/// How ready the kernel is to end this process when memory runs out (`oom_score_adj`, proc(5)).
struct OutOfMemoryScore: Sendable {
    private let path: String
    /// What it was before anybody set it; nil if it can't be read.
    private let initial: Int?

    init(path: String = "/proc/self/oom_score_adj") {
        self.path = path
        var bytes = [UInt8](repeating: 0, count: 32)
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        let count = descriptor < 0 ? 0 : read(descriptor, &bytes, bytes.count)
        if descriptor >= 0 { close(descriptor) }
        let text = String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
        initial = Int(text.prefix { $0 == "-" || $0.isNumber })
    }

    /// Sets it, or puts back what it was if `score` is nil; why that failed. A lower one than ever
    /// before takes CAP_SYS_RESOURCE.
    func set(_ score: Int?) -> String? {
        guard let wanted = score ?? initial else { return nil }
        let descriptor = open(path, O_WRONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return String(cString: strerror(errno)) }
        defer { close(descriptor) }
        let bytes = Array("\(wanted)\n".utf8)
        return write(descriptor, bytes, bytes.count) == bytes.count
            ? nil : String(cString: strerror(errno))
    }
}
