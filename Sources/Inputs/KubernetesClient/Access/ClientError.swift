/// Why the API server cannot be used, ready to print; never holds a secret.
package struct ClientError: Error, Sendable, Hashable, CustomStringConvertible {
    package var description: String

    package init(_ description: String) {
        self.description = description
    }
}
