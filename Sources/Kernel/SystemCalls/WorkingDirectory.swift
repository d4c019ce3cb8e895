import Glibc

/// The path from the root; a relative one begins at the working directory. Nil if that directory was
/// removed, or cannot be reached from the root.
package func absolutePath(_ path: String) -> String? {
    guard !path.hasPrefix("/") else { return path }
    guard let bytes = unsafe getcwd(nil, 0) else { return nil }
    defer { unsafe free(bytes) }
    let directory = unsafe String(cString: bytes)
    return directory == "/" ? "/\(path)" : "\(directory)/\(path)"
}
