import Glibc
package import SystemPackage

/// A name in a directory.
package struct DirectoryEntry {
    /// Invalid UTF-8 is replaced.
    package let name: String
    /// Of the directory's own file: what is mounted over it has another.
    package let inode: UInt64

    /// What readdir(3) returned. Only as many bytes of it may be read as the name has: the record ends
    /// there, and so may the memory, whatever the size of `d_name` in the declaration is. Swift copies
    /// all 256 bytes where `pointee.d_name` is named, which crashes at the end of a buffer.
    init(_ entry: UnsafePointer<dirent>) {
        guard let offset = MemoryLayout<dirent>.offset(of: \.d_name) else {
            preconditionFailure("d_name is a stored property")
        }
        let bytes = unsafe UnsafeRawPointer(entry) + offset
        name = unsafe String(cString: bytes.assumingMemoryBound(to: CChar.self))
        inode = UInt64(unsafe entry.pointee.d_ino)
    }

    /// All entries but `.` and `..`, in the file system's order. Throws also if only a part could be
    /// listed.
    package static func all(in directory: String) throws(Errno) -> [DirectoryEntry] {
        guard let stream = unsafe opendir(directory) else { throw .last }
        defer { unsafe closedir(stream) }
        var entries: [DirectoryEntry] = []
        while true {
            errno = 0
            guard let record = unsafe readdir(stream) else { break }
            let entry = unsafe DirectoryEntry(record)
            if entry.name != ".", entry.name != ".." { entries.append(entry) }
        }
        guard errno == 0 else { throw .last }
        return entries
    }
}
