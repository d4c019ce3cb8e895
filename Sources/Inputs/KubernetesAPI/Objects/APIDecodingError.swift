/// The bytes are not a valid API server response. The rest of their stream cannot be read.
package struct APIDecodingError: Error, Sendable, Hashable, CustomStringConvertible {
    package var reason: String

    package init(reason: String) { self.reason = reason }

    package var description: String { reason }
}
