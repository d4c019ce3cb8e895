import Foundation
import Glibc

/// The bytes of a file or a pipe; errors name it and the system's reason.
func contents(of path: String) throws(CommandFailure) -> Data {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
        throw CommandFailure("\(path): cannot be read: \(systemReason())")
    }
    defer { close(descriptor) }
    var bytes = Data()
    var chunk = [UInt8](repeating: 0, count: 1 << 16)
    while true {
        let count = read(descriptor, &chunk, chunk.count)
        if count < 0, errno == EINTR { continue }
        guard count >= 0 else { throw CommandFailure("\(path): cannot be read: \(systemReason())") }
        if count == 0 { return bytes }
        bytes += chunk[..<count]
    }
}

/// Writes a file whole or not at all, beside its old self first; errors name it and the system's
/// reason.
func replace(_ path: String, with text: String) throws(CommandFailure) {
    var status = stat()
    // What is no regular file, such as /dev/stdout, has nothing that could be lost.
    let isFile = stat(path, &status) != 0 || status.st_mode & S_IFMT == S_IFREG
    let target = isFile ? "\(path).\(getpid()).new" : path
    let descriptor = open(target, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else {
        throw CommandFailure("\(path): cannot be written: \(systemReason())")
    }
    let reason = write(Array(text.utf8), descriptor)
    close(descriptor)
    if reason == nil, target == path || rename(target, path) == 0 { return }
    let words = reason ?? systemReason()
    if target != path { unlink(target) }
    throw CommandFailure("\(path): cannot be written: \(words)")
}

/// Nil if all went well.
private func write(_ bytes: [UInt8], _ descriptor: Int32) -> String? {
    var rest = bytes[...]
    while !rest.isEmpty {
        let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
        if count < 0, errno == EINTR { continue }
        guard count > 0 else { return systemReason() }
        rest = rest.dropFirst(count)
    }
    return nil
}

/// The system's words for `errno`.
func systemReason() -> String { String(cString: strerror(errno)) }
