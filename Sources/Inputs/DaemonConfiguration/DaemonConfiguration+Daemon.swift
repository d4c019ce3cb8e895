package import Addressing

extension DaemonConfiguration {
    /// One of the daemon's HTTP servers.
    package struct Server: Sendable, Equatable {
        /// Where it listens; nil is nowhere.
        package var address: SocketAddress?
        package var bindFailure = BindFailure.retry

        /// On the loopback address.
        init(defaultPort: Int) {
            address = SocketAddress(parsing: "127.0.0.1:\(defaultPort)")
        }

        /// What happens if an address is taken.
        package enum BindFailure: String, Sendable, CaseIterable {
            /// It is tried again, and Services are served all the while.
            case retry
            /// The daemon ends.
            case fatal
        }

        static let health = ConfigurationField(
            section: "health",
            """
            Should load balancers send traffic to this node? /healthz for load balancers, /livez for the
            process, /readyz for rollouts: it has been programmed once.
            """,
            fields: [
                .live("address", \.health.address, .listener)
                    .about("Where it listens. Empty: nowhere."),
                .restart("bindFailure", \.health.bindFailure, .choice)
                    .about(
                        "If the address is taken at the start: retry, and serve all the while, or fatal, and end."
                    ),
            ]
        )

        static let metrics = ConfigurationField(
            section: "metrics",
            "Prometheus metrics, at /metrics.",
            fields: [
                .live("address", \.metrics.address, .listener)
                    .about("Where it listens. Empty: nowhere."),
                .restart("bindFailure", \.metrics.bindFailure, .choice)
                    .about("If the address is taken at the start: retry or fatal, as for health."),
            ]
        )
    }

    /// Where the daemon answers `fairlead status`.
    package struct Status: Sendable, Equatable {
        /// A Unix socket; nil is none.
        package var socket: String? = "/run/fairlead/fairlead.sock"

        static let section = ConfigurationField(
            section: "status",
            fields: [
                .live("socket", \.status.socket, .optionalPath)
                    .about("The Unix socket behind `fairlead status`. Empty: none.")
            ]
        )
    }

    /// Connection tracking: settings of the whole host, set at the start. Zero leaves one alone.
    package struct Conntrack: Sendable, Equatable {
        package var maxPerCore = 0
        /// Room for at least so many. Counts only if `maxPerCore` does.
        package var min = 0
        package var tcpEstablishedTimeout = Duration.zero
        package var tcpCloseWaitTimeout = Duration.zero
        /// Packets outside a connection's window are no reason to call them invalid. False leaves
        /// the setting alone.
        package var tcpBeLiberal = false
        package var udpTimeout = Duration.zero
        package var udpStreamTimeout = Duration.zero
        package var cleanStaleUDP = true

        /// The kernel counts connections in an int.
        private static let counts = 0...Int(Int32.max)
        private static let times = Duration.zero ... .seconds(365 * 86400)

        static let section = ConfigurationField(
            section: "conntrack",
            "Connection tracking: settings of the whole host. 0, 0s and false leave one alone.",
            fields: [
                .live("maxPerCore", \.conntrack.maxPerCore, .integer(counts)).about(
                    """
                    Room for so many connections for each CPU, and for min at least. The table is the host's:
                    only its own network namespace can change it.
                    """
                ),
                .live("min", \.conntrack.min, .integer(counts))
                    .about("Room for so many at least. Counts only if maxPerCore does."),
                .live("tcpEstablishedTimeout", \.conntrack.tcpEstablishedTimeout, .time(times))
                    .about("How long the kernel remembers idle TCP connections."),
                .live("tcpCloseWaitTimeout", \.conntrack.tcpCloseWaitTimeout, .time(times))
                    .about("And those whose client has yet to close its side."),
                .live("udpTimeout", \.conntrack.udpTimeout, .time(times))
                    .about("How long it remembers UDP packets without an answer."),
                .live("udpStreamTimeout", \.conntrack.udpStreamTimeout, .time(times))
                    .about("And UDP flows with answers."),
                .live("tcpBeLiberal", \.conntrack.tcpBeLiberal, .boolean)
                    .about("Do not call packets outside a TCP connection's window invalid."),
                .live("cleanStaleUDP", \.conntrack.cleanStaleUDP, .boolean)
                    .about(
                        "Delete UDP flows to endpoints that are gone, so that clients get another at once."
                    ),
            ]
        )
    }

    /// Probes of endpoints, for Services that ask for it.
    package struct HealthChecks: Sendable, Equatable {
        package var maxConcurrent = 64
        /// PEM certificates that https checks trust in place of the system's; nil is the system's.
        package var caFile: String?

        static let section = ConfigurationField(
            section: "healthChecks",
            "For Services from files that ask for health checks.",
            fields: [
                .live("maxConcurrent", \.healthChecks.maxConcurrent, .integer(1...1000))
                    .about("How many probes run at once."),
                .live("caFile", \.healthChecks.caFile, .optionalPath)
                    .about(
                        "PEM certificates that https checks trust in place of the system's. Empty: the system's."
                    ),
            ]
        )
    }

    /// When the removal guard keeps Services that are missing from their source without having been
    /// deleted, as a source that suddenly looks empty is more often broken than right.
    package struct Removals: Sendable, Equatable {
        package var percent = 50
        package var minimum = 10
        package var window = Duration.seconds(30)
        package var holdTime = Duration.seconds(600)
        package var holdDeletions = false

        static let section = ConfigurationField(
            section: "removals",
            """
            The removal guard. When most Services or all their endpoints are suddenly missing from their
            source without having been deleted, they stay as they are until the source has them again,
            `fairlead confirm` is called, or holdTime is over. Everything else passes meanwhile, deletions
            too.
            """,
            fields: [
                .live("percent", \.removals.percent, .integer(1...100))
                    .about(
                        "More than this part of the Services has to be missing. 100: nothing is held."
                    ),
                .live("minimum", \.removals.minimum, .integer(1...1_000_000))
                    .about("And at least so many."),
                .live("window", \.removals.window, .time(.zero ... .seconds(3600)))
                    .about("Losses this close together count as one."),
                .live("holdTime", \.removals.holdTime, .time(.seconds(1) ... .seconds(86400)))
                    .about("How long the source may take to recover."),
                .live("holdDeletions", \.removals.holdDeletions, .boolean)
                    .about("Hold deletions like what is missing."),
            ]
        )
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

        static let section = ConfigurationField(
            section: "log",
            fields: [
                .live("level", \.log.level, .choice)
                    .about("debug, info, notice, warning or error."),
                .live("format", \.log.format, .choice)
                    .about("auto (journald's fields under systemd, else text), text or json."),
            ]
        )
    }
}
