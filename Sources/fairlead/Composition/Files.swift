import Glibc
import SystemCalls
import SystemPackage

/// The bytes of a small file, or without `regularOnly` a pipe; errors name it and the system's reason.
func contents(of path: String, regularOnly: Bool) throws(CommandFailure) -> [UInt8] {
    do throws(FileError) {
        // A kube-proxy configuration among all ConfigMaps of a cluster, and no device without end.
        return try WholeFile.read(path, limit: 64 << 20, regularOnly: regularOnly)
    } catch {
        throw CommandFailure("\(path): cannot be read: \(error.reason)")
    }
}

/// Writes a file whole or not at all, beside its old self first; errors name it and the system's
/// reason.
func replace(_ path: String, with text: String) throws(CommandFailure) {
    var status = stat()
    // Anything but a regular file, such as /dev/stdout, has no content to lose.
    let isFile = stat(path, &status) != 0 || status.st_mode & S_IFMT == S_IFREG
    do throws(FileError) {
        if isFile {
            try WholeFile.replace(
                path,
                with: Array(text.utf8),
                permissions: [.ownerReadWrite, .groupRead, .otherRead],
                suffix: ".\(getpid()).new"
            )
        } else {
            try WholeFile.write(Array(text.utf8), to: path)
        }
    } catch {
        throw CommandFailure("\(path): cannot be written: \(error.reason)")
    }
}
