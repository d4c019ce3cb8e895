package import DataplaneModel
import Glibc

/// The names in a directory, without `.` and `..`, in the file system's order.
///
/// - Throws: `.notFound` if there is no such directory.
package func directoryNames(in path: String) throws(DataplaneError) -> [String] {
    guard let directory = unsafe opendir(path) else { throw .system("opendir", path, errno) }
    defer { unsafe _ = closedir(directory) }
    var names: [String] = []
    while let entry = unsafe readdir(directory) {
        let name = unsafe withUnsafeBytes(of: entry.pointee.d_name) {
            unsafe String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
        }
        if name != ".", name != ".." { names.append(name) }
    }
    return names
}
