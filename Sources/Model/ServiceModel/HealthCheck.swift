package import Addressing

/// How the endpoints of a Service from files are probed, because no kubelet does it.
///
/// It has no effect on Services of another origin.
package struct HealthCheck: Sendable, Hashable {
    package var probe: Probe
    package var port: Port
    package var timing: Timing
    package var panic: Panic

    package init(
        probe: Probe,
        port: Port = .endpoint,
        timing: Timing = Timing(),
        panic: Panic = .keep
    ) {
        self.probe = probe
        self.port = port
        self.timing = timing
        self.panic = panic
    }

    /// The annotation on a Service in a manifest, with the same text as `healthCheck` in the short
    /// form.
    package static let annotation = "fairlead.dev/health-check"

    /// What an endpoint must do to pass.
    package indirect enum Probe: Sendable, Hashable {
        /// Accept a connection.
        case tcp
        /// Respond to a request with one of the statuses.
        case http(Request)
        /// The same over TLS.
        case https(Request, TLS)
    }

    /// An HTTP request (RFC 9110) and the statuses that pass. Redirects are not followed.
    package struct Request: Sendable, Hashable {
        /// Origin-form: `/` and printable ASCII without `#`.
        package var path: String
        /// The Host header; nil for the endpoint's address and port.
        package var host: String?
        package var statuses: [ClosedRange<Int>]

        package init(
            path: String = "/",
            host: String? = nil,
            statuses: [ClosedRange<Int>] = [200...399]
        ) {
            self.path = path
            self.host = host
            self.statuses = statuses
        }
    }

    /// Requirements on the endpoint's certificate.
    package struct TLS: Sendable, Hashable {
        /// The certificate must be valid, and for `serverName` or the endpoint's address.
        package var verifies: Bool
        /// Sent as the server name (RFC 6066), and verified.
        package var serverName: String?

        package init(verifies: Bool = true, serverName: String? = nil) {
            self.verifies = verifies
            self.serverName = serverName
        }
    }

    /// The port to probe.
    package enum Port: Sendable, Hashable {
        /// Each TCP port of the Service; a result applies to that port alone.
        case endpoint
        /// This port; the result applies to all ports of the Service.
        case number(PortNumber)
        /// The target of the Service port with this name; the result applies to all ports.
        case named(String)
    }

    /// When to probe, and how many consecutive results change the verdict.
    package struct Timing: Sendable, Hashable {
        /// The maximum time from the start of one probe to the start of the next.
        package var interval: Duration
        /// The time limit of a probe: connection, handshake and response. At most `interval`.
        package var timeout: Duration
        /// Consecutive passes that make an unhealthy endpoint healthy.
        package var rise: Int
        /// Consecutive failures that make an endpoint unhealthy.
        package var fall: Int

        package init(
            interval: Duration = .seconds(5),
            timeout: Duration = .seconds(2),
            rise: Int = 2,
            fall: Int = 3
        ) {
            self.interval = interval
            self.timeout = timeout
            self.rise = rise
            self.fall = fall
        }
    }

    /// What happens to a Service port without a healthy endpoint in a family.
    package enum Panic: String, Sendable, Hashable, CaseIterable {
        /// Keeps all endpoints: the checks are more likely to be wrong than all endpoints down.
        case keep
        /// Removes all endpoints, so connections are refused.
        case drop
    }
}
