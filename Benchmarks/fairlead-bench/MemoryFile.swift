import Glibc

/// A nameless file in memory, which other processes append to.
final class MemoryFile {
    let number: Int32

    init() throws {
        let name = "/fairlead-bench-\(getpid())"
        number = shm_open(name, O_RDWR | O_CREAT | O_EXCL, 0o600)
        guard number >= 0 else { throw BenchFailure.system("shm_open \(name)") }
        shm_unlink(name)
    }

    deinit { close(number) }

    /// All that has been written so far.
    var text: String {
        var text: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65536)
        while true {
            // The position is that of the writers.
            let count = pread(number, &chunk, chunk.count, off_t(text.count))
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { break }
            text += chunk[..<count]
        }
        return String(decoding: text, as: UTF8.self)
    }
}
