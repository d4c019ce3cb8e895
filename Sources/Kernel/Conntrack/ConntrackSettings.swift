package import DataplaneModel
import Glibc
import HostFacts

/// The host's settings of connection tracking; zero and nil leave one alone.
package struct ConntrackSettings: Sendable, Equatable {
    /// Entries to make room for, for each CPU.
    package var maximumPerCore: Int
    /// Room for at least so many; counts only if `maximumPerCore` does.
    package var minimum: Int
    package var tcpEstablishedTimeout: Duration
    package var tcpCloseWaitTimeout: Duration
    /// True takes packets outside a connection's window for valid; false leaves the setting alone.
    package var tcpIsLiberal: Bool
    package var udpTimeout: Duration
    package var udpStreamTimeout: Duration

    package init(
        maximumPerCore: Int = 0,
        minimum: Int = 0,
        tcpEstablishedTimeout: Duration = .zero,
        tcpCloseWaitTimeout: Duration = .zero,
        tcpIsLiberal: Bool = false,
        udpTimeout: Duration = .zero,
        udpStreamTimeout: Duration = .zero
    ) {
        self.maximumPerCore = maximumPerCore
        self.minimum = minimum
        self.tcpEstablishedTimeout = tcpEstablishedTimeout
        self.tcpCloseWaitTimeout = tcpCloseWaitTimeout
        self.tcpIsLiberal = tcpIsLiberal
        self.udpTimeout = udpTimeout
        self.udpStreamTimeout = udpStreamTimeout
    }

    /// As kube-proxy reckons, which does not go beyond 1 048 576 by itself; nil leaves it alone.
    package func maximum(cores: Int) -> Int? {
        guard maximumPerCore > 0 else { return nil }
        let (product, overflow) = maximumPerCore.multipliedReportingOverflow(by: cores)
        guard !overflow, product <= Self.largestMaximum else { return Self.largestMaximum }
        return max(product, minimum)
    }

    private static let largestMaximum = 1 << 20

    /// The parameters below `net.netfilter` that are to be set, in this order. Those of the whole
    /// host come first.
    package func parameters(cores: Int) -> [(name: String, value: Int)] {
        var wanted: [(name: String, value: Int)] = []
        if let maximum = maximum(cores: cores) { wanted.append((Self.size, maximum)) }
        for (name, timeout) in [
            ("nf_conntrack_tcp_timeout_established", tcpEstablishedTimeout),
            ("nf_conntrack_tcp_timeout_close_wait", tcpCloseWaitTimeout),
            ("nf_conntrack_udp_timeout", udpTimeout),
            ("nf_conntrack_udp_timeout_stream", udpStreamTimeout),
        ] where timeout > .zero {
            wanted.append((name, max(1, Int(timeout.components.seconds))))
        }
        if tcpIsLiberal { wanted.append(("nf_conntrack_tcp_be_liberal", 1)) }
        return wanted
    }

    /// Sets what differs and returns what could not be set. Timeouts and the strictness are each
    /// network namespace's own; the size of the table is the whole host's, and only its own network
    /// namespace can change it.
    package func apply() -> [DataplaneError] {
        // Not those this process may run on: the table is the host's.
        let cores = max(1, sysconf(Int32(_SC_NPROCESSORS_CONF)))
        return apply(parameters(cores: cores))
    }

    /// Whether this thread is in the host's own network namespace: in no other can anybody write the
    /// number of buckets. Without connection tracking in the kernel, that is what is to be reported.
    private static var isInitialNamespace: Bool {
        var found = stat()
        let path = "/proc/sys/net/netfilter/nf_conntrack_buckets"
        guard unsafe stat(path, &found) == 0 else { return true }
        return found.st_mode & S_IWUSR != 0
    }

    func apply(_ parameters: [(name: String, value: Int)]) -> [DataplaneError] {
        var failures: [DataplaneError] = []
        for (name, value) in parameters {
            do throws(DataplaneError) {
                if name == Self.size {
                    try Self.setSize(value)
                } else {
                    try Self.set(name) { _ in value }
                }
            } catch {
                failures.append(error)
            }
        }
        return failures
    }

    private static let size = "nf_conntrack_max"

    private static func setSize(_ value: Int) throws(DataplaneError) {
        guard isInitialNamespace else {
            let present = Int(try Sysctl.read("net.netfilter.\(size)")) ?? 0
            // Room for more is as good.
            guard present < value else { return }
            throw .system(
                "sysctl",
                "net.netfilter.\(size)",
                EPERM,
                kind: .unsupported,
                message:
                    "it is \(present) and should be \(value), which can be set in the host's own network namespace only"
            )
        }
        try set(size) { _ in value }
        // A bucket for four entries; a table with more is as good.
        try set("nf_conntrack_buckets") { max($0, value / 4) }
    }

    private static func set(
        _ name: String,
        _ wanted: (Int) -> Int
    ) throws(DataplaneError) {
        let path = "net.netfilter.\(name)"
        let present = Int(try Sysctl.read(path))
        let value = wanted(present ?? 0)
        if value != present { try Sysctl.write("\(value)", to: path) }
    }
}
