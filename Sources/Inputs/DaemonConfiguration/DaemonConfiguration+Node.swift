package import Addressing

extension DaemonConfiguration {
    /// An HTTP server of the daemon's.
    package struct Server: Sendable, Equatable {
        /// Where it listens; nil is nowhere.
        package var address: SocketAddress?
        /// What happens if that address is taken.
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
    }

    /// Where the daemon answers `fairlead status`.
    package struct Status: Sendable, Equatable {
        /// A Unix socket; nil is none.
        package var socket: String? = "/run/fairlead/fairlead.sock"
    }

    /// Connection tracking: settings of the whole host, set at the start. Zero leaves one alone.
    package struct Conntrack: Sendable, Equatable {
        /// Connections to make room for, for each CPU.
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
        /// UDP flows to endpoints that are gone are forgotten.
        package var cleanStaleUDP = true
    }
}
