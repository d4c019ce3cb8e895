/// The bytes of a stream not consumed yet because the value they begin is incomplete.
struct PendingBytes: Sendable {
    private var bytes: [UInt8] = []

    var isEmpty: Bool { bytes.isEmpty }

    /// Calls `walk` with the pending bytes and `more`, and keeps what it does not consume; `walk`
    /// returns the number of bytes consumed.
    mutating func consume(
        _ more: Span<UInt8>,
        _ walk: (Span<UInt8>) throws -> Int
    ) rethrows {
        if bytes.isEmpty {
            let used = try walk(more)
            bytes.append(more.extracting(used..<more.count))
        } else {
            bytes.append(more)
            let used = try walk(bytes.span)
            bytes.removeFirst(used)
        }
    }
}

extension [UInt8] {
    mutating func append(_ span: Span<UInt8>) {
        // Copied before the pointer ends.
        unsafe span.withUnsafeBufferPointer { unsafe append(contentsOf: $0) }
    }
}
