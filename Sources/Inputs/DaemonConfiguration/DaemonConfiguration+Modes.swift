package import Addressing
package import ServiceModel

extension DaemonConfiguration {
    /// When passes run.
    package struct Reconcile: Sendable, Equatable {
        package var minInterval = Duration.milliseconds(10)
        package var retryInterval = Duration.seconds(1)
        package var maxRetryInterval = Duration.seconds(30)
        package var fullResyncInterval = Duration.seconds(600)
        package var driftCheckInterval = Duration.seconds(1)

        static let section = ConfigurationField(
            section: "reconcile",
            fields: [
                .live("minInterval", \.reconcile.minInterval, .time(.zero ... .seconds(3600)))
                    .about(
                        """
                        Minimum time between two passes. In the long run passes take at most a sixth of the time;
                        idle time saves up to two seconds for later, so that a single change or a short burst does
                        not wait.
                        """
                    ),
                .live(
                    "retryInterval",
                    \.reconcile.retryInterval,
                    .time(.milliseconds(10) ... .seconds(3600))
                ).about(
                    """
                    First wait after a failure, also of a single object; doubled each time up to the maximum.
                    Not doubled while another program holds the lock of iptables, and over as soon as that is
                    free; the maximum at once if a permission or kernel feature is missing.
                    """
                ),
                .live(
                    "maxRetryInterval",
                    \.reconcile.maxRetryInterval,
                    .time(.milliseconds(10) ... .seconds(3600))
                )
                .about("The longest wait after failures."),
                .live(
                    "fullResyncInterval",
                    \.reconcile.fullResyncInterval,
                    .time(.seconds(1) ... .seconds(86400))
                ).about(
                    """
                    How often the kernel is read and compared in any case, one family after the other. Put off
                    for changes, by six times the pause between two at most.
                    """
                ),
                .restart(
                    "driftCheckInterval",
                    \.reconcile.driftCheckInterval,
                    .time(.milliseconds(100) ... .seconds(3600))
                )
                .about(
                    """
                    How often to check for drift: changes by other programs. What the kernel
                    announces, such as changes to nftables, is noticed at once.
                    """
                ),
            ]
        )
    }

    /// Legacy iptables.
    package struct IPTables: Sendable, Equatable {
        package var lockFile = "/run/xtables.lock"
        package var lockTimeout = Duration.seconds(5)

        static let section = ConfigurationField(
            section: "iptables",
            fields: [
                .restart("lockFile", \.iptables.lockFile, .absolutePath)
                    .about("The lock that all iptables programs of the host share."),
                .restart("lockTimeout", \.iptables.lockTimeout, .time(.zero ... .seconds(60)))
                    .about(
                        "How long to wait for it, for each IP family; at most a quarter of the watchdog's interval."
                    ),
            ]
        )
    }

    /// nftables, in mode nftables.
    package struct NFTables: Sendable, Equatable {
        package var scheduler = Choice.random
        package var counters = false

        /// How an endpoint's slot is chosen.
        package enum Choice: String, Sendable, CaseIterable {
            case random
            case rr
            case wrr
            case sh
            case mh

            /// Nil for random.
            package var scheduler: Scheduler? { Scheduler(rawValue: rawValue) }
        }

        static let section = ConfigurationField(
            section: "nftables",
            "Mode nftables only.",
            fields: [
                .live("scheduler", \.nftables.scheduler, .choice).about(
                    """
                    Scheduler of Services that do not name one: random, rr (round-robin), wrr (weighted
                    round-robin), sh (consistent hash of the client's address) or mh (of its address and port).
                    """
                ),
                .live("counters", \.nftables.counters, .boolean).about(
                    """
                    Count packets and bytes by Service port, and refused connections: see
                    `fairlead counters`. A change rewrites the table, which resets session affinity.
                    """
                ),
            ]
        )
    }

    /// IPVS, in mode ipvs.
    package struct IPVS: Sendable, Equatable {
        package var scheduler = Scheduler.wrr
        package var binding = Binding.addresses
        package var excludedRanges: [IPPrefix] = []
        package var strictARP = false
        package var drainTimeout = Duration.seconds(600)
        package var timeouts = Timeouts()

        /// How the kernel is made to deliver packets for Service addresses to IPVS.
        package enum Binding: String, Sendable, CaseIterable {
            /// Each address on a dummy link.
            case addresses
            /// `serviceCIDRs` by local routes, other addresses one by one.
            case ranges
        }

        package struct Timeouts: Sendable, Equatable {
            package var tcp = Duration.zero
            package var tcpFin = Duration.zero
            package var udp = Duration.zero
        }

        private static let days = Duration.zero ... .seconds(30 * 86400)

        static let section = ConfigurationField(
            section: "ipvs",
            "Mode ipvs only.",
            fields: [
                .live("scheduler", \.ipvs.scheduler, .choice).about(
                    """
                    Scheduler of Services that do not name one: rr, wrr, lc, wlc, lblc, lblcr, dh, sh, sed, nq,
                    fo, ovf, mh or twos.
                    """
                ),
                .live("binding", \.ipvs.binding, .choice).about(
                    """
                    addresses: each Service address on a dummy link. ranges: serviceCIDRs as a whole, by a
                    local route; other addresses one by one.
                    """
                ),
                .restart("excludeCIDRs", \.ipvs.excludedRanges, .ranges)
                    .about("Virtual servers with an address in these ranges are never touched."),
                .live("strictARP", \.ipvs.strictARP, .boolean)
                    .about(
                        "Do not answer ARP for Service addresses on any interface (arp_ignore, arp_announce)."
                    ),
                .restart("drainTimeout", \.ipvs.drainTimeout, .time(days))
                    .about(
                        "How long a removed endpoint may keep its TCP connections. 0s: they end at once."
                    ),
                .live("tcpTimeout", \.ipvs.timeouts.tcp, .time(days))
                    .about(
                        "How long the kernel keeps idle TCP connections. 0s keeps its setting (15m)."
                    ),
                .live("tcpFinTimeout", \.ipvs.timeouts.tcpFin, .time(days))
                    .about(
                        "TCP connections that one side has closed. 0s keeps the kernel's setting (2m)."
                    ),
                .live("udpTimeout", \.ipvs.timeouts.udp, .time(days))
                    .about("Idle UDP flows. 0s keeps the kernel's setting (5m)."),
            ]
        )
    }
}
