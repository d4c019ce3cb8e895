import SystemCalls

/// How ready the kernel is to end this process when memory runs out (`oom_score_adj`, proc(5)).
struct OutOfMemoryScore: Sendable {
    private let path: String
    /// What it was before anybody set it; nil if it can't be read.
    private let initial: Int?

    init(path: String = "/proc/self/oom_score_adj") {
        self.path = path
        let text = (try? WholeFile.read(path, limit: 32)).map {
            String(decoding: $0, as: UTF8.self)
        }
        initial = text.flatMap { Int($0.prefix { $0 == "-" || $0.isNumber }) }
    }

    /// Sets it, or puts back what it was if `score` is nil; why that failed. A lower one than ever
    /// before takes CAP_SYS_RESOURCE.
    func set(_ score: Int?) -> String? {
        guard let wanted = score ?? initial else { return nil }
        do throws(FileError) {
            try WholeFile.write(Array("\(wanted)\n".utf8), to: path)
            return nil
        } catch {
            return error.reason
        }
    }
}
