import Testing

/// What needs sockets and clocks, one after the other: their clocks run fast, and a busy machine
/// would look like a dead server.
@Suite("Network", .serialized)
enum NetworkSuites {}
