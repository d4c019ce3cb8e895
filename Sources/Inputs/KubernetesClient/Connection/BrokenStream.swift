/// The connection was lost in the middle of a response.
struct BrokenStream: Error, CustomStringConvertible {
    var server: ServerAddress
    var reason: String

    var description: String { "\(server): connection lost during the response: \(reason)" }
}
