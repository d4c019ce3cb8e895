package import Addressing

extension DaemonConfiguration {
    /// One of the daemon's HTTP servers.
    package struct Server: Sendable, Equatable {
        /// The address to listen on; nil disables it.
        package var address: SocketAddress?
        package var bindFailure = BindFailure.retry

        /// On the loopback address.
        init(defaultPort: Int) {
            address = SocketAddress(parsing: "127.0.0.1:\(defaultPort)")
        }

        /// What happens if the address is in use.
        package enum BindFailure: String, Sendable, CaseIterable {
            /// Listening is retried while Services are served.
            case retry
            /// The daemon exits.
            case fatal
        }

        static let health = ConfigurationField(
            section: "health",
            """
            Whether load balancers should send traffic to this node: /healthz. Also /livez for supervisors
            of the process, and /readyz for rollouts: the node has been programmed once.
            """,
            fields: [
                .live("address", \.health.address, .listener)
                    .about("Address to listen on. Empty: none."),
                .restart("bindFailure", \.health.bindFailure, .choice)
                    .about(
                        "If the address is in use at the start: retry while serving Services, or fatal: exit."
                    ),
            ]
        )

        static let metrics = ConfigurationField(
            section: "metrics",
            "Prometheus metrics, at /metrics.",
            fields: [
                .live("address", \.metrics.address, .listener)
                    .about("Address to listen on. Empty: none."),
                .restart("bindFailure", \.metrics.bindFailure, .choice)
                    .about("If the address is in use at the start: retry or fatal, as for health."),
            ]
        )
    }

    /// The server for `fairlead status`.
    package struct Status: Sendable, Equatable {
        /// A Unix socket; nil for none.
        package var socket: String? = "/run/fairlead/fairlead.sock"

        static let section = ConfigurationField(
            section: "status",
            fields: [
                .live("socket", \.status.socket, .optionalPath)
                    .about("Unix socket for `fairlead status`. Empty: none.")
            ]
        )
    }

    /// Connection tracking: settings of the whole host. Zero keeps the present value.
    package struct Conntrack: Sendable, Equatable {
        package var maxPerCore = 0
        /// The minimum table size; used only with `maxPerCore`.
        package var min = 0
        package var tcpEstablishedTimeout = Duration.zero
        package var tcpCloseWaitTimeout = Duration.zero
        /// Packets outside a connection's window are not invalid. False keeps the present value.
        package var tcpBeLiberal = false
        package var udpTimeout = Duration.zero
        package var udpStreamTimeout = Duration.zero
        package var cleanStaleUDP = true

        /// The kernel counts connections in an int.
        private static let counts = 0...Int(Int32.max)
        private static let times = Duration.zero ... .seconds(365 * 86400)

        static let section = ConfigurationField(
            section: "conntrack",
            "Connection tracking: host settings. 0, 0s and false keep the present value.",
            fields: [
                .live("maxPerCore", \.conntrack.maxPerCore, .integer(counts)).about(
                    """
                    Table size: this many entries per CPU, at least min. Only the host's network namespace can
                    change it.
                    """
                ),
                .live("min", \.conntrack.min, .integer(counts))
                    .about("Minimum table size. Used only if maxPerCore is set."),
                .live("tcpEstablishedTimeout", \.conntrack.tcpEstablishedTimeout, .time(times))
                    .about("How long the kernel keeps idle TCP connections."),
                .live("tcpCloseWaitTimeout", \.conntrack.tcpCloseWaitTimeout, .time(times))
                    .about("TCP connections that only one side has closed."),
                .live("udpTimeout", \.conntrack.udpTimeout, .time(times))
                    .about("UDP flows without an answer."),
                .live("udpStreamTimeout", \.conntrack.udpStreamTimeout, .time(times))
                    .about("UDP flows with answers."),
                .live("tcpBeLiberal", \.conntrack.tcpBeLiberal, .boolean)
                    .about("Do not treat packets outside a TCP connection's window as invalid."),
                .live("cleanStaleUDP", \.conntrack.cleanStaleUDP, .boolean)
                    .about(
                        "Delete entries of UDP flows to removed endpoints, so that clients get another at once."
                    ),
            ]
        )
    }

    /// Probes of endpoints, for Services with health checks.
    package struct HealthChecks: Sendable, Equatable {
        package var maxConcurrent = 64
        /// PEM certificates that https checks trust instead of the system's; nil for the system's.
        package var caFile: String?

        static let section = ConfigurationField(
            section: "healthChecks",
            "For Services from files that have health checks.",
            fields: [
                .live("maxConcurrent", \.healthChecks.maxConcurrent, .integer(1...1000))
                    .about("The most probes that run at once."),
                .live("caFile", \.healthChecks.caFile, .optionalPath)
                    .about(
                        "PEM certificates that https checks trust instead of the system's. Empty: the system's."
                    ),
            ]
        )
    }

    /// When the removal guard keeps Services that are missing from their source without having been
    /// deleted: a source that suddenly looks empty is more likely to be broken.
    package struct Removals: Sendable, Equatable {
        package var percent = 50
        package var minimum = 10
        package var window = Duration.seconds(30)
        package var holdTime = Duration.seconds(600)
        package var holdDeletions = false

        static let section = ConfigurationField(
            section: "removals",
            """
            The removal guard. When most Services or all their endpoints suddenly go missing from their
            source without having been deleted, they stay as they are until the source has them again, an
            administrator runs `fairlead confirm`, or holdTime expires. All other changes apply meanwhile,
            including deletions.
            """,
            fields: [
                .live("percent", \.removals.percent, .integer(1...100))
                    .about(
                        "Hold if more than this percentage of the Services is missing. 100: never."
                    ),
                .live("minimum", \.removals.minimum, .integer(1...1_000_000))
                    .about("And at least this many."),
                .live("window", \.removals.window, .time(.zero ... .seconds(3600)))
                    .about("Losses within this time count together."),
                .live("holdTime", \.removals.holdTime, .time(.seconds(1) ... .seconds(86400)))
                    .about("How long the source may take to recover."),
                .live("holdDeletions", \.removals.holdDeletions, .boolean)
                    .about("Also hold deletions."),
            ]
        )
    }

    /// Log lines, on standard error.
    package struct Log: Sendable, Equatable {
        package var level = Level.info
        package var format = Format.auto

        /// The lowest level that is logged.
        package enum Level: String, Sendable, CaseIterable {
            case debug
            case info
            case notice
            case warning
            case error
        }

        /// The format of lines.
        package enum Format: String, Sendable, CaseIterable {
            /// For journald under systemd, for a person at a terminal, else text.
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
