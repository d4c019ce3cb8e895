/// Bytes that are no answer of an API server. Nothing more can be read from their stream.
package struct APIDecodingError: Error, Sendable, Hashable, CustomStringConvertible {
    package var reason: String

    package init(reason: String) {
        self.reason = reason
    }

    package var description: String { reason }
}
