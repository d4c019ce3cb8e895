/// Something that goes wrong with one answer.
package enum Fault: Sendable, Hashable {
    /// The connection is closed before the answer.
    case drop
    /// The answer never comes.
    case stall
    case status(ServedStatus)
    /// The connection is closed after so many bytes of the body.
    case dropAfter(bytes: Int)
    /// After so many bytes nothing more comes.
    case stallAfter(bytes: Int)
    /// A body of bytes that mean nothing.
    case garbage
    /// A watch whose first event says that the version is too old.
    case expireInStream
    /// Each event comes twice.
    case repeatEvents
    /// The answer comes late, so that other resources overtake it.
    case delay(Duration)
    /// The body ends at once, properly.
    case endAtOnce
    /// Blanks come for as long as the client reads.
    case endless
}
