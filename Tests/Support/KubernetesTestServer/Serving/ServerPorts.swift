import Glibc
import Synchronization

/// Ports for test servers, each given once until all were given.
///
/// They are below those that the kernel gives to clients (32768 and on). A server that comes back
/// on its port finds it free then: no client got it meanwhile, nor connected to itself on it.
enum ServerPorts {
    private static let range = 15_000..<25_000
    /// Processes that run side by side start far from each other.
    private static let given = Mutex(Int(getpid()) * 97)

    /// The next one; another program may have it.
    static func next() -> Int {
        given.withLock { given in
            given += 1
            return range.lowerBound + given % range.count
        }
    }
}
