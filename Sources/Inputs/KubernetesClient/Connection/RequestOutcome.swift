/// The outcome of one request to one API server, for metrics.
package struct RequestOutcome: Sendable, Hashable {
    /// `host:port`.
    package var server: String
    package var method: String
    package var isWatch: Bool
    /// Nil without a response.
    package var code: Int?
    /// From sending to the end of the response.
    package var duration: Duration
    /// How long the rate limit delayed it.
    package var heldBack: Duration
    /// Bytes of the bodies.
    package var sentBytes: Int
    package var receivedBytes: Int
}
