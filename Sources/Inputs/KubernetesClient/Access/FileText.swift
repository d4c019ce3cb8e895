import Glibc

/// The text of a small file; errors name the file but never quote its content.
func textOfFile(_ path: String, limit: Int = 4 << 20) throws(ClientError) -> String {
    let file = open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { throw ClientError("\(path): \(String(cString: strerror(errno)))") }
    defer { close(file) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 16 << 10)
    while true {
        let count = read(file, &chunk, chunk.count)
        if count < 0 {
            if errno == EINTR { continue }
            throw ClientError("\(path): \(String(cString: strerror(errno)))")
        }
        guard count > 0 else { break }
        bytes += chunk[..<count]
        guard bytes.count <= limit else { throw ClientError("\(path): larger than \(limit) bytes") }
    }
    guard let text = String(validating: bytes, as: UTF8.self) else {
        throw ClientError("\(path): not UTF-8 text")
    }
    return text
}
