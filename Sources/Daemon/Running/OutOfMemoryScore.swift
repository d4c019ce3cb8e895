import Synchronization
import SystemCalls

/// The process's `oom_score_adj` (proc(5)).
final class OutOfMemoryScore: Sendable {
    private let path: String
    /// The value at the start; nil if it cannot be read.
    private let initial: Int?
    /// The configured value.
    private let wanted = Mutex<Int?>(nil)

    init(path: String = "/proc/self/oom_score_adj") {
        self.path = path
        let text = (try? WholeFile.read(path, limit: 32)).map {
            String(decoding: $0, as: UTF8.self)
        }
        initial = text.flatMap { Int($0.prefix { $0 == "-" || $0.isNumber }) }
    }

    /// Sets it if the configured value has changed; returns why that failed, or nil.
    func apply(_ score: Int?) -> String? {
        let isNew = wanted.withLock { wanted in
            defer { wanted = score }
            return wanted != score
        }
        guard isNew, let reason = set(score) else { return nil }
        return "oomScoreAdj \(score.map(String.init) ?? "null") not set: \(reason)"
    }

    /// Sets it, or restores the initial value if `score` is nil; returns why that failed, or nil. A value
    /// below the lowest so far requires CAP_SYS_RESOURCE.
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
