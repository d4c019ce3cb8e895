package import Addressing

/// How the endpoints of a Service from files are probed: there is no kubelet to do it.
///
/// On Services of another origin it means nothing.
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

    /// The annotation on a Service in a manifest; its text is what the short form has under
    /// `healthCheck`.
    package static let annotation = "fairlead.dev/health-check"

    /// What an endpoint has to do to pass.
    package indirect enum Probe: Sendable, Hashable {
        /// Accept a connection.
        case tcp
        /// Answer a request with one of the statuses.
        case http(Request)
        /// The same over TLS.
        case https(Request, TLS)
    }

    /// An HTTP request (RFC 9110) and the answers that pass. Redirects are not followed.
    package struct Request: Sendable, Hashable {
        /// Origin-form: `/` and printable ASCII without `#`.
        package var path: String
        /// What the Host header says; nil for the endpoint's address and port.
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

    /// What is asked of the endpoint's certificate.
    package struct TLS: Sendable, Hashable {
        /// It must be valid, and for `serverName` or for the endpoint's address.
        package var verifies: Bool
        /// Sent as the server name (RFC 6066), and compared.
        package var serverName: String?

        package init(verifies: Bool = true, serverName: String? = nil) {
            self.verifies = verifies
            self.serverName = serverName
        }
    }

    /// Where an endpoint is probed.
    package enum Port: Sendable, Hashable {
        /// At each TCP port of the Service; a result counts for that port alone.
        case endpoint
        /// At this port; the result counts for all ports of the Service.
        case number(PortNumber)
        /// Where the Service port of this name leads; the result counts for all ports.
        case named(String)
    }

    /// When to probe and how many results in a row make a verdict.
    package struct Timing: Sendable, Hashable {
        /// From the start of one probe to that of the next, at most.
        package var interval: Duration
        /// For all of a probe: connection, handshake and answer. At most `interval`.
        package var timeout: Duration
        /// How many passed probes make an unhealthy endpoint healthy.
        package var rise: Int
        /// How many failed probes make an endpoint unhealthy.
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

    /// What becomes of a Service port that has no healthy endpoint left in a family.
    package enum Panic: String, Sendable, Hashable, CaseIterable {
        /// It keeps them all: rather the checks are wrong than all endpoints are down.
        case keep
        /// It loses them all, and refuses connections.
        case drop
    }
}
