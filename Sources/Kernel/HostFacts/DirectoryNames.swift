package import DataplaneModel
import SystemCalls
import SystemPackage

/// The names in a directory, without `.` and `..`, in the file system's order.
///
/// - Throws: `.notFound` if there is no such directory.
package func directoryNames(in path: String) throws(DataplaneError) -> [String] {
    do {
        return try DirectoryEntry.all(in: path).map(\.name)
    } catch {
        throw .system("opendir", path, error.rawValue)
    }
}
