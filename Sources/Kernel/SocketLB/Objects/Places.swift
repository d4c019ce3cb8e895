import CBPF
import DataplaneModel
import Glibc
import HostFacts
import SystemCalls
import SystemPackage

/// A directory of the unified hierarchy.
enum Cgroup {
    static let magic = 0x6367_7270

    static func open(_ path: String) throws(DataplaneError) -> OwnedDescriptor {
        try OwnedDescriptor.open(path, options: .directory)
    }

    /// The number by which the kernel's links name it.
    static func id(of path: String) throws(DataplaneError) -> UInt64 {
        guard try FileSystem.magic(of: path) == magic else {
            throw .system(
                "statfs",
                path,
                EINVAL,
                kind: .invalid,
                message: "not a directory of cgroup v2"
            )
        }
        var facts = stat()
        guard unsafe stat(path, &facts) == 0 else { throw .system("stat", path, errno) }
        // A file there, such as cgroup.procs, is no cgroup, though it has a number, too.
        guard facts.st_mode & S_IFMT == S_IFDIR else {
            throw .system("stat", path, ENOTDIR, kind: .invalid, message: "not a directory")
        }
        return UInt64(facts.st_ino)
    }
}

enum FileSystem {
    static func magic(of path: String) throws(DataplaneError) -> Int {
        var facts = statfs()
        guard unsafe statfs(path, &facts) == 0 else { throw .system("statfs", path, errno) }
        return Int(facts.f_type)
    }
}

/// The directory that all is pinned in.
enum PinFolder {
    static let magic = 0xcafe_4a11

    /// Makes a directory on a bpf file system.
    ///
    /// - Throws: `.invalid` if it is on another file system, or if others may change what is in it.
    static func make(_ path: String) throws(DataplaneError) {
        let parts = path.split(separator: "/")
        for count in parts.indices {
            let part = "/" + parts[...count].joined(separator: "/")
            if unsafe mkdir(part, 0o700) == 0 || errno == EEXIST { continue }
            let error = DataplaneError.system("mkdir", part, errno)
            switch error.errno {
            // What is above the directory need not be writable.
            case EROFS where unsafe access(part, F_OK) == 0: continue
            case EROFS: throw error.explained(as: .unsupported, readOnly)
            // sysfs takes no directories.
            case EPERM: throw error.explained(as: .unsupported, cure)
            default: throw error
            }
        }
        try check(path)
    }

    /// - Throws: as `make`, for a directory that is there.
    static func check(_ path: String) throws(DataplaneError) {
        try checkFileSystem(path)
        var facts = stat()
        guard unsafe lstat(path, &facts) == 0 else { throw .system("lstat", path, errno) }
        // What is root's is as safe as what is this process's own.
        guard facts.st_mode & S_IFMT == S_IFDIR, [geteuid(), 0].contains(facts.st_uid),
            facts.st_mode & 0o22 == 0
        else {
            throw .system("lstat", path, EPERM, kind: .invalid, message: open)
        }
    }

    static func checkFileSystem(_ path: String) throws(DataplaneError) {
        guard try FileSystem.magic(of: path) == magic else {
            throw .system("statfs", path, EINVAL, kind: .unsupported, message: cure)
        }
    }

    private static let readOnly =
        "read-only for this process; under systemd, the drop-in socket-lb.conf has the directory made, and a restart makes it again"
    private static let cure = "not on a bpf file system; mount -t bpf bpf /sys/fs/bpf"
    private static let open =
        "no directory that only its owner can change, as what is pinned asks for; remove it, or name another one in socketLB.bpfDirectory"
}

/// The network namespace of the calling thread.
enum NodeNamespace {
    /// Its number for programs, which since Linux 5.14 the kernel tells. Before that programs take the first process's
    /// namespace for the node's: 0.
    ///
    /// - Throws: `.unsupported` if that is another one.
    static func cookie() throws(DataplaneError) -> UInt64 {
        try cookie(told: told(), isFirst: isFirst)
    }

    static func cookie(
        told: UInt64?,
        isFirst: Bool
    ) throws(DataplaneError) -> UInt64 {
        if let told { return told }
        if isFirst { return 0 }
        throw .system(
            "getsockopt(SO_NETNS_COOKIE)",
            "network namespace",
            ENOPROTOOPT,
            kind: .unsupported,
            message:
                "the socket level in another network namespace than the first process's needs Linux 5.14"
        )
    }

    /// Nil before Linux 5.14.
    private static func told() throws(DataplaneError) -> UInt64? {
        let socket = try OwnedDescriptor.socket(AF_UNIX, SOCK_DGRAM, 0, for: "network namespace")
        var cookie: UInt64 = 0
        var size = socklen_t(MemoryLayout<UInt64>.size)
        let status = unsafe getsockopt(socket.number, SOL_SOCKET, 71, &cookie, &size)
        if status == 0 { return cookie }
        guard errno == ENOPROTOOPT else {
            throw .system("getsockopt(SO_NETNS_COOKIE)", "network namespace", errno)
        }
        return nil
    }

    /// Whether it is that of the first process: settings of the whole machine show in no other.
    static var isFirst: Bool {
        unsafe access("/proc/sys/net/core/netdev_max_backlog", F_OK) == 0
    }
}
