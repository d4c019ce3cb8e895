/// An answer broke off: its connection is gone.
struct BrokenStream: Error, CustomStringConvertible {
    var server: ServerAddress
    var reason: String

    var description: String { "\(server): the answer broke off: \(reason)" }
}
