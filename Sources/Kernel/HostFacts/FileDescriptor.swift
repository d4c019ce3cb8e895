package import DataplaneModel
package import Glibc

/// An open file or socket, closed with its owner.
package struct FileDescriptor: ~Copyable {
    package let number: Int32

    /// Takes over `number`, which must be open.
    package init(owning number: Int32) {
        self.number = number
    }

    /// Opens a file; always with `O_CLOEXEC`.
    package init(opening path: String, _ flags: Int32, mode: mode_t = 0) throws(DataplaneError) {
        let opened = unsafe path.withCString { unsafe openFile($0, flags | O_CLOEXEC, mode) }
        guard opened >= 0 else { throw .system("open", path, errno) }
        number = opened
    }

    deinit {
        // The number is gone whatever close says, so there is nothing to do about an error.
        _ = close(number)
    }

    /// All that is left to read, at most `limit` bytes.
    package func readAll(_ subject: String, limit: Int = 1 << 20) throws(DataplaneError) -> [UInt8]
    {
        var content: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 4096)
        while content.count < limit {
            let count = unsafe chunk.withUnsafeMutableBytes {
                unsafe read(number, $0.baseAddress, $0.count)
            }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw .system("read", subject, errno) }
            if count == 0 { break }
            content += chunk[..<count]
        }
        return content
    }
}

/// `open` is variadic in C and so has Swift overloads of its own; this picks the one with a mode.
private func openFile(_ path: UnsafePointer<CChar>, _ flags: Int32, _ mode: mode_t) -> Int32 {
    unsafe open(path, flags, mode)
}
