import Glibc
import HostFacts
import SystemCalls
import SystemPackage

extension KernelCapabilities {
    /// Whether the file can be the lock of legacy tables, for the calling user. Looks without opening it: a
    /// running daemon would take its closing for another program's change.
    package static func lock(_ path: String) -> Finding {
        let subject = "lock of iptables"
        guard let problem = problem(ofLock: path) else { return Finding(.good, subject, path) }
        guard problem.isOfFile || Finding.hasCapability else { return Finding(unseen: subject) }
        return Finding(
            .failure,
            subject,
            "\(path) \(problem.words): no rule can be changed; iptables.lockFile names it"
        )
    }

    /// Nil if there is none.
    private static func problem(ofLock path: String) -> LockProblem? {
        var status = stat()
        guard unsafe lstat(path, &status) == 0 else {
            let error = Errno.last
            guard error == .noSuchFileOrDirectory else {
                return LockProblem("cannot be used", error)
            }
            // The first program that needs it makes it.
            let directory = path.lastIndex(of: "/").map { String(path[...$0]) } ?? "."
            return access(directory, W_OK | X_OK).map { LockProblem("cannot be made", $0) }
        }
        switch status.st_mode & S_IFMT {
        case S_IFREG: return access(path, R_OK).map { LockProblem("cannot be opened", $0) }
        case S_IFLNK: return LockProblem("is a symbolic link, which is never followed")
        case S_IFDIR: return LockProblem("is a directory")
        default: return LockProblem("is not a regular file")
        }
    }

    private struct LockProblem {
        var words: String
        /// And not of what the calling user may do.
        var isOfFile = true

        init(_ words: String, _ error: Errno? = nil) {
            self.words = error.map { "\(words): \($0)" } ?? words
            isOfFile = error != .permissionDenied
        }
    }

    /// Why the process may not; nil if it may.
    private static func access(_ path: String, _ mode: Int32) -> Errno? {
        unsafe faccessat(AT_FDCWD, path, mode, AT_EACCESS) == 0 ? nil : .last
    }
}
