package import DataplaneModel
import Glibc
import HostFacts

/// The host's connection tracking settings; zero leaves a setting unchanged.
package struct ConntrackSettings: Sendable, Equatable {
    /// The limit of entries for each CPU.
    package var maximumPerCore: Int
    /// The lowest limit of entries; ignored if `maximumPerCore` is zero.
    package var minimum: Int
    package var tcpEstablishedTimeout: Duration
    package var tcpCloseWaitTimeout: Duration
    /// True accepts packets outside a connection's window; false leaves the setting unchanged.
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

    /// The limit of entries, computed as kube-proxy does, with its bound of 1 048 576; nil leaves the
    /// setting unchanged.
    package func maximum(cores: Int) -> Int? {
        guard maximumPerCore > 0 else { return nil }
        let (product, overflow) = maximumPerCore.multipliedReportingOverflow(by: cores)
        guard !overflow, product <= Self.largestMaximum else { return Self.largestMaximum }
        return max(product, minimum)
    }

    private static let largestMaximum = 1 << 20

    /// The parameters below `net.netfilter` to set, in this order: host-wide ones first.
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

    /// Sets what differs, and returns what could not be set. Timeouts and `tcpIsLiberal` are settings
    /// of each network namespace; the size of the table is host-wide, and can only be changed in the
    /// initial one.
    package func apply() -> [DataplaneError] {
        // Not those that this process may run on: the table is host-wide.
        let cores = max(1, sysconf(Int32(_SC_NPROCESSORS_CONF)))
        return apply(parameters(cores: cores))
    }

    /// Whether this thread is in the initial network namespace: only there can the number of buckets be
    /// written. True without connection tracking, so that its absence is what gets reported.
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
            // A higher limit is fine.
            guard present < value else { return }
            throw .system(
                "sysctl",
                "net.netfilter.\(size)",
                EPERM,
                kind: .unsupported,
                message:
                    "it is \(present) and should be \(value), which can only be set in the host's own network namespace"
            )
        }
        try set(size) { _ in value }
        // One bucket for four entries; more are fine.
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
