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

    /// - Throws: `.invalid` if others may change what is pinned in the directory; `.unsupported` if it, or the innermost
    ///   that is there of those above it, is not on a bpf file system.
    package static func checkDirectory(_ directory: String) throws(DataplaneError) {
        var path = directory
        while unsafe access(path, F_OK) != 0, errno == ENOENT, path.count > 1 {
            let parent = path.split(separator: "/").dropLast().joined(separator: "/")
            path = "/" + parent
        }
        if path == directory { return try PinFolder.check(path) }
        try PinFolder.checkFileSystem(path)
    }

    /// - Throws: `.invalid` if it is no directory of cgroup v2.
    package static func checkCgroup(_ directory: String) throws(DataplaneError) {
        _ = try Cgroup.id(of: directory)
    }
}
