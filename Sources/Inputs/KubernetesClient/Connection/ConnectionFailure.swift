/// No server responded.
package struct ConnectionFailure: Error, Sendable, CustomStringConvertible {
    package var server: ServerAddress
    package var reason: String

    package var description: String { "\(server): \(reason)" }
}
