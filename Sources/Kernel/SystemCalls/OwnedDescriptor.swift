package import Glibc
package import SystemPackage

/// An open file or socket that is closed with its owner.
///
/// SystemPackage's `FileDescriptor` is only a number, which can be copied and is never closed.
package struct OwnedDescriptor: ~Copyable {
    package let file: FileDescriptor

    package var number: Int32 { file.rawValue }

    /// Becomes the owner of `number`, which must be open.
    package init(owning number: Int32) {
        file = FileDescriptor(rawValue: number)
    }

    /// Opens a file; always with `O_CLOEXEC`.
    package init(
        opening path: String,
        _ mode: FileDescriptor.AccessMode,
        options: FileDescriptor.OpenOptions = [],
        permissions: FilePermissions? = nil
    ) throws(Errno) {
        file = try Errno.only {
            // The pointer is valid during the call that it is passed to.
            try unsafe path.withCString {
                try unsafe FileDescriptor.open(
                    $0,
                    mode,
                    options: options.union(.closeOnExec),
                    permissions: permissions
                )
            }
        }
    }

    /// Another number for what is open as `number`; always with `FD_CLOEXEC`.
    package init(duplicating number: Int32) throws(Errno) {
        let copy = fcntl(number, F_DUPFD_CLOEXEC, 0)
        guard copy >= 0 else { throw .last }
        file = FileDescriptor(rawValue: copy)
    }

    /// A new socket; always with `SOCK_CLOEXEC`.
    package init(
        socket domain: Int32,
        _ type: __socket_type,
        flags: Int32 = 0,
        protocol number: Int32 = 0
    ) throws(Errno) {
        let kind = Int32(type.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | flags
        let opened = socket(domain, kind, number)
        guard opened >= 0 else { throw .last }
        file = FileDescriptor(rawValue: opened)
    }

    deinit {
        // The number is invalid whatever close returns, so an error cannot be handled.
        _ = close(number)
    }

    /// Hands the number to a caller who closes it.
    package consuming func release() -> Int32 {
        let number = number
        discard self
        return number
    }

    /// The next bytes, at most `count`; none at the end.
    package func read(upTo count: Int) throws(Errno) -> [UInt8] {
        try Errno.only {
            try unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
                // The buffer is valid during the call that it is passed to.
                filled = try unsafe file.read(into: UnsafeMutableRawBufferPointer(buffer))
            }
        }
    }

    /// All remaining bytes; more than `limit` are an error.
    package func readAll(limit: Int) throws(FileError) -> [UInt8] {
        var content: [UInt8] = []
        while true {
            let chunk = try FileError.in("read") { () throws(Errno) in try read(upTo: 1 << 16) }
            if chunk.isEmpty { return content }
            content += chunk
            guard content.count <= limit else { throw .larger(than: limit) }
        }
    }

    /// Writes all bytes, in as many calls as that needs.
    package func writeAll(_ bytes: some Sequence<UInt8>) throws(FileError) {
        _ = try FileError.in("write") { () throws(Errno) in
            try Errno.only { try file.writeAll(bytes) }
        }
    }
}
