import Glibc
import SystemCalls

extension NetworkNamespace {
    /// A number that no other network namespace has until the next boot, of the calling thread's; nil before Linux 5.14.
    ///
    /// The inode number of a namespace, in contrast, is given to another once it is gone.
    package static var cookie: UInt64? {
        // SO_NETNS_COOKIE of asm-generic/socket.h, which glibc 2.36 lacks.
        let option: Int32 = 71
        guard let socket = try? OwnedDescriptor(socket: AF_UNIX, SOCK_DGRAM) else { return nil }
        var cookie: UInt64 = 0
        var size = socklen_t(MemoryLayout<UInt64>.size)
        let answer = unsafe getsockopt(socket.number, SOL_SOCKET, option, &cookie, &size)
        return answer == 0 ? cookie : nil
    }

    /// The inode number of the namespace whose file is at `path`; nil if there is none, or it may not be looked at.
    package static func number(_ path: String) -> UInt64? {
        var status = stat()
        return unsafe stat(path, &status) == 0 ? UInt64(status.st_ino) : nil
    }
}
