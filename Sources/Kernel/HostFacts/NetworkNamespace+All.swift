package import DataplaneModel
import Glibc

extension NetworkNamespace {
    /// The namespaces of this machine, as far as this process sees them.
    package struct Listing: Sendable, Equatable {
        /// A path to enter each one by, that of the calling thread first. One that has neither a process nor a
        /// name below /run/netns is not among them.
        package var paths: [String] = []
        /// Processes whose namespace may not be looked at: that takes CAP_SYS_PTRACE.
        package var hidden = 0

        package init() {}
    }

    /// Looks at every process, and at the names that `ip netns` and container runtimes give.
    ///
    /// - Throws: if /proc cannot be read.
    package static func all() throws(DataplaneError) -> Listing {
        let own = "/proc/thread-self/ns/net"
        guard let home = file(own) else { throw .system("stat", own, errno) }
        var listing = Listing()
        listing.paths = [own]
        var seen: Set<UInt64> = [UInt64(home.st_ino)]
        // Names outlast the processes. A directory that is missing has none.
        let names = ((try? directoryNames(in: "/run/netns")) ?? []).sorted()
        let processes = try directoryNames(in: "/proc").filter { $0.first?.isNumber ?? false }
        let paths = names.map { "/run/netns/\($0)" } + processes.map { "/proc/\($0)/ns/net" }
        for path in paths {
            guard let found = file(path) else {
                // Others are processes that have ended.
                if errno == EACCES || errno == EPERM { listing.hidden += 1 }
                continue
            }
            // A name is an empty file of another file system until a namespace is mounted there.
            guard found.st_dev == home.st_dev, seen.insert(UInt64(found.st_ino)).inserted else {
                continue
            }
            listing.paths.append(path)
        }
        return listing
    }

    private static func file(_ path: String) -> stat? {
        var facts = stat()
        return unsafe stat(path, &facts) == 0 ? facts : nil
    }
}
