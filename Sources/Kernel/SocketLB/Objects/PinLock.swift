import DataplaneModel
import Glibc
import HostFacts
import Synchronization
import SystemCalls
import SystemPackage

/// Keeps the daemons of two processes from writing into one directory of pins: each would take what the other
/// writes for drift.
enum PinLock {
    private struct Held {
        var number: Int32
        var node: ino_t
    }

    /// By the directory. This process keeps them until it ends.
    private static let held = Mutex<[String: Held]>([:])

    /// - Throws: `.busy` if another process has the lock of this directory.
    static func take(_ directory: String) throws(DataplaneError) {
        try held.withLock { held throws(DataplaneError) in
            var facts = stat()
            guard unsafe stat(directory, &facts) == 0 else {
                throw .system("stat", directory, errno)
            }
            // Removed and made again, it is another one.
            if held[directory]?.node == facts.st_ino { return }
            let file = try OwnedDescriptor.open(directory, options: .directory)
            guard flock(file.number, LOCK_EX | LOCK_NB) == 0 else {
                let error = DataplaneError.system("flock", directory, errno)
                guard errno == EWOULDBLOCK else { throw error }
                throw error.explained(
                    as: .busy,
                    "another daemon writes there; each needs a socketLB.bpfDirectory of its own"
                )
            }
            if let former = held[directory] { close(former.number) }
            held[directory] = Held(number: file.release(), node: facts.st_ino)
        }
    }
}
