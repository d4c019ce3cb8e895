import CIPTables
import CThreads
package import DataplaneModel
import Glibc
import SystemCalls
import SystemPackage

/// Moves the calling thread from one network namespace to another.
///
/// A namespace belongs to a thread: sockets, tables and `/proc/sys/net` are those of the thread
/// that asks, `/proc/net` those of the process's first thread. Threads that a thread in another
/// namespace starts, or makes a pool start, are in the process's own, see `CThreads.h`.
package enum NetworkNamespace {
    /// Enters a namespace for good: one of `ip netns` by its name, any other by a path, which has a
    /// slash. The corresponding C function is `setns`.
    ///
    /// - Throws: `.notFound` if there is no such file; `.notPermitted` without CAP_SYS_ADMIN.
    package static func enter(_ nameOrPath: String) throws(DataplaneError) {
        let path = path(of: nameOrPath)
        // Opening a pipe would wait for a writer.
        let file = try OwnedDescriptor.open(path, options: .nonBlocking)
        try enter(file, path)
    }

    /// Enters a new namespace for good. It has only a loopback interface, which is down, and ends with
    /// its last thread. The corresponding C function is `unshare`.
    ///
    /// - Throws: `.notPermitted` without CAP_SYS_ADMIN.
    package static func enterNew() throws(DataplaneError) {
        try leave()
        guard unshare(Int32(namespace_of_network)) == 0 else {
            throw .system("unshare", "new network namespace", errno)
        }
    }

    /// Runs `body` in a namespace and returns to the present one.
    ///
    /// The process ends if that fails, as the thread would go on in the wrong namespace.
    ///
    /// - Throws: as `enter`, and what `body` throws.
    package static func withNamespace<Result>(
        _ nameOrPath: String,
        _ body: () throws(DataplaneError) -> Result
    ) throws(DataplaneError) -> Result {
        let own = "/proc/thread-self/ns/net"
        let home = try OwnedDescriptor.open(own)
        let wasElsewhere = threads_set_elsewhere(1)
        defer { _ = threads_set_elsewhere(wasElsewhere) }
        try enter(nameOrPath)
        defer {
            if setns(home.number, Int32(namespace_of_network)) != 0 {
                fatalError("setns back to \(own) failed: \(DataplaneError.systemMessage(errno))")
            }
        }
        return try body()
    }

    /// The file of a namespace that is named, or the path itself.
    package static func path(of nameOrPath: String) -> String {
        nameOrPath.contains("/") ? nameOrPath : "/run/netns/\(nameOrPath)"
    }

    private static func enter(
        _ file: borrowing OwnedDescriptor,
        _ path: String
    ) throws(DataplaneError) {
        try leave()
        guard setns(file.number, Int32(namespace_of_network)) == 0 else {
            throw .system("setns", path, errno)
        }
    }

    /// From now on, others start the threads that this one asks for.
    private static func leave() throws(DataplaneError) {
        let failure = threads_prepare()
        guard failure == 0 else { throw .system("pthread_create", "threads at home", failure) }
        _ = threads_set_elsewhere(1)
    }
}
