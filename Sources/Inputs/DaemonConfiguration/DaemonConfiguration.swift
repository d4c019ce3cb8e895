package import Addressing
package import DataplaneModel
package import ServiceModel

/// Everything an administrator can set, with its default. `config/fairlead.yaml` shows each field.
package struct DaemonConfiguration: Sendable, Equatable {
    /// How the kernel is programmed; nil is `auto`: by nftables where the kernel has what that needs,
    /// else by iptables.
    package var mode: ProxyMode? = .iptables
    /// The families to serve; nil means those the kernel has tables for.
    package var families: [IPFamily]?
    package var node = Node()
    package var sources = Sources()
    /// A network namespace to work in: a name under /run/netns, or an absolute path; nil is the
    /// daemon's own.
    package var networkNamespace: String?
    package var localDetector = LocalTrafficDetector.absent
    /// The detector's ranges are the own Node's `spec.podCIDRs`; `localDetector` then holds none.
    package var takesPodRangesFromNode = false
    package var nodePorts = NodePorts()
    package var masquerade = Masquerade()
    /// Ranges ClusterIPs come from; unallocated addresses in them are dropped.
    package var serviceCIDRs: [IPPrefix] = []
    /// External IPs outside these ranges are refused; nil allows all.
    package var allowedExternalIPs: [IPPrefix]?
    package var reconcile = Reconcile()
    package var iptables = IPTables()
    package var ipvs = IPVS()
    package var nftables = NFTables()
    package var conntrack = Conntrack()
    /// Answers load balancers: is this node fit to be sent connections?
    package var health = Server(defaultPort: 10256)
    package var metrics = Server(defaultPort: 10249)
    package var status = Status()
    /// How ready the kernel is to end the daemon when memory runs out, -1000...1000; nil leaves it.
    package var oomScoreAdjustment: Int?
    package var healthChecks = HealthChecks()
    package var removals = Removals()
    package var log = Log()

    package init() {}

    /// The mode; nftables as long as `auto` is not resolved.
    package var chosenMode: ProxyMode { mode ?? .nftables }

    /// As it is written: `auto`, `ipvs`.
    package var modeName: String { Mode(mode: mode).rawValue }

    /// How the kernel is programmed, as it is written.
    package struct Mode: RawRepresentable, Sendable, Hashable, CaseIterable {
        /// Nil for `auto`.
        package let mode: ProxyMode?

        package static let auto = Mode(mode: nil)
        package static let allCases = [auto] + ProxyMode.allCases.map(Mode.init(mode:))

        package init(mode: ProxyMode?) { self.mode = mode }

        package init?(rawValue: String) {
            guard let found = Self.allCases.first(where: { $0.rawValue == rawValue }) else {
                return nil
            }
            self = found
        }

        package var rawValue: String { mode?.rawValue ?? "auto" }
    }

    /// The node this is.
    package struct Node: Sendable, Equatable {
        /// Compared with endpoints' node names; nil means the host name in lower case.
        package var name: String?
        /// Compared with endpoints' zone hints.
        package var zone: String?
        /// At most one per family; empty means found on the interfaces.
        package var addresses: [IPAddress] = []
    }

    /// Where Services come from.
    package struct Sources: Sendable, Equatable {
        /// A directory of manifests, or one file; empty is none.
        package var filePath = "/etc/fairlead/services.d"
        /// Copies of what was good, for the next start; nil keeps none.
        package var stateDirectory: String? = "/var/lib/fairlead"
        /// Serve Services labelled for this proxy instead of those without a label.
        package var serviceProxyName = ""
        /// An API server; nil is none.
        package var kubernetes: Kubernetes?
    }

    /// Which of the node's addresses answer on node ports.
    package struct NodePorts: Sendable, Equatable {
        package var addresses = NodePortAddresses.all
        /// On 127.0.0.0/8 too, where it is among the addresses; nil leaves it to the mode: in
        /// iptables mode they do, in nftables mode where the addresses name loopback.
        package var localhost: Bool?
    }

    /// When connections get the node's address as their source.
    package struct Masquerade: Sendable, Equatable {
        /// All ClusterIP traffic, even from pods.
        package var all = false
        /// The packet mark's bit that asks for it, 0...31.
        package var markBit = 14
    }

    /// When passes run.
    package struct Reconcile: Sendable, Equatable {
        package var minInterval = Duration.milliseconds(10)
        package var retryInterval = Duration.seconds(1)
        package var maxRetryInterval = Duration.seconds(30)
        package var fullResyncInterval = Duration.seconds(600)
        package var driftCheckInterval = Duration.seconds(1)
    }

    /// Legacy iptables.
    package struct IPTables: Sendable, Equatable {
        /// Every iptables program on the host must lock the same file.
        package var lockFile = "/run/xtables.lock"
        package var lockTimeout = Duration.seconds(5)
    }

    /// IPVS, in mode ipvs.
    package struct IPVS: Sendable, Equatable {
        /// For Services that name none.
        package var scheduler = Scheduler.wrr
        package var binding = Binding.addresses
        /// Virtual servers with an address in these ranges are somebody else's.
        package var excludedRanges: [IPPrefix] = []
        /// Answer ARP for Service addresses on no interface.
        package var strictARP = false
        /// How long a removed endpoint keeps its connections at most; zero cuts them at once.
        package var drainTimeout = Duration.seconds(600)
        /// How long the kernel keeps idle connections; zero leaves its setting.
        package var timeouts = Timeouts()

        /// What makes the kernel deliver Service addresses to IPVS.
        package enum Binding: String, Sendable, CaseIterable {
            /// Each address on a dummy link.
            case addresses
            /// `serviceCIDRs` as a whole, by local routes; other addresses one by one.
            case ranges
        }

        package struct Timeouts: Sendable, Equatable {
            package var tcp = Duration.zero
            package var tcpFin = Duration.zero
            package var udp = Duration.zero
        }
    }

    /// nftables, in mode nftables.
    package struct NFTables: Sendable, Equatable {
        /// For Services that name none.
        package var scheduler = Choice.random
        /// Packets are counted by Service port.
        package var counters = false

        /// How a slot is chosen.
        package enum Choice: String, Sendable, CaseIterable {
            case random
            case rr
            case wrr
            case sh
            case mh

            /// Nil for random.
            package var scheduler: Scheduler? { Scheduler(rawValue: rawValue) }
        }
    }

    /// Probes of endpoints, for Services that ask for it.
    package struct HealthChecks: Sendable, Equatable {
        /// How many probes run at once.
        package var maxConcurrent = 64
        /// PEM certificates that https checks trust in place of the system's; nil is the system's.
        package var caFile: String?
    }

    /// Log lines, on standard error.
    package struct Log: Sendable, Equatable {
        package var level = Level.info
        package var format = Format.auto

        /// Lines below it are left out.
        package enum Level: String, Sendable, CaseIterable {
            case debug
            case info
            case notice
            case warning
            case error
        }

        /// How lines look.
        package enum Format: String, Sendable, CaseIterable {
            /// For journald under systemd, else text.
            case auto
            case text
            case json
        }
    }
}
