package import Addressing
package import DataplaneModel
import Glibc
import HostFacts

extension SocketFeatures {
    /// Has the kernel check the programs of a family, and attaches none of them.
    ///
    /// - Throws: `.notPermitted` with the capabilities that are missing; `.unsupported` if the kernel cannot
    ///   run them.
    package static func checkPrograms(
        _ family: IPFamily,
        _ transports: Set<TransportProtocol>
    ) throws(DataplaneError) {
        let object = try SocketObject(family)
        try object.load(SocketHook.all(family, transports))
    }

    /// - Throws: `.unsupported` if this kernel's programs cannot tell the calling thread's network namespace from others.
    package static func checkNamespace() throws(DataplaneError) {
        _ = try NodeNamespace.cookie()
    }

    /// Whether the directory where all is pinned, or the innermost that is there of those above it, is on a bpf
    /// file system.
    ///
    /// - Throws: if that cannot be read.
    package static func isOnBPFFileSystem(_ directory: String) throws(DataplaneError) -> Bool {
        var path = directory
        while unsafe access(path, F_OK) != 0, errno == ENOENT, path.count > 1 {
            let parent = path.split(separator: "/").dropLast().joined(separator: "/")
            path = "/" + parent
        }
        return try FileSystem.magic(of: path) == PinFolder.magic
    }

    /// Whether a directory is one of cgroup v2.
    ///
    /// - Throws: if it cannot be read.
    package static func isCgroup(_ directory: String) throws(DataplaneError) -> Bool {
        try FileSystem.magic(of: directory) == Cgroup.magic
    }
}
