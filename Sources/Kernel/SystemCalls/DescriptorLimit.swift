import Glibc

/// How many file descriptors this process may have: RLIMIT_NOFILE of getrlimit(2).
package enum DescriptorLimit {
    /// Raises the soft limit to `wanted`, or to the hard limit if that is lower; where the kernel refuses, it stays.
    package static func raise(to wanted: Int) {
        guard var limit = current else { return }
        let reachable = min(rlim_t(wanted), limit.rlim_max)
        guard limit.rlim_cur < reachable else { return }
        limit.rlim_cur = reachable
        unsafe setrlimit(resource, &limit)
    }

    /// How many more can be opened, counted up to `enough`.
    package static func free(upTo enough: Int) -> Int {
        guard let limit = current else { return enough }
        var count = 0
        // Each is asked about once, as other threads open some meanwhile.
        for number in 0..<Int32(clamping: limit.rlim_cur) where fcntl(number, F_GETFD) < 0 {
            if count == enough { break }
            count += 1
        }
        return count
    }

    private static let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)

    private static var current: rlimit? {
        var limit = rlimit()
        return unsafe getrlimit(resource, &limit) == 0 ? limit : nil
    }
}
