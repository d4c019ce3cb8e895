import SystemCalls

/// The text of a small regular file, or of what the caller has opened for this program, such as a pipe from another one;
/// errors name the file but never quote its content.
func textOfFile(_ path: String, limit: Int = 4 << 20) throws(ClientError) -> String {
    let bytes: [UInt8]
    do throws(FileError) {
        bytes = try WholeFile.read(path, limit: limit, regularOnly: !WholeFile.isOpened(path))
    } catch {
        throw ClientError("\(path): \(error.reason)")
    }
    guard let text = String(validating: bytes, as: UTF8.self) else {
        throw ClientError("\(path): not UTF-8 text")
    }
    return text
}
