/// Splits a JSON stream into values as bytes arrive, without decoding them: the elements of one
/// object's `items`, or a sequence of values.
///
/// Omits `metadata.managedFields`, the bulk of most objects. The grammar is checked here, what values
/// mean by the decoder.
struct JSONSplitter: Sendable {
    enum Shape: Sendable {
        /// One object: yields the elements of its `items`, and the rest at the end.
        case list
        /// A sequence of objects.
        case stream
    }

    /// An open container.
    private struct Level {
        var isObject: Bool
        /// The value of a field `metadata`.
        var isMetadata = false
    }

    /// The destination of bytes.
    private enum Sink {
        case value
        /// The content of a list besides its items.
        case rest
        case nowhere
    }

    private let shape: Shape
    private let maximumBytes: Int
    private var grammar = JSONGrammar()
    private var levels: [Level] = []
    /// The last key, truncated.
    private var key: [UInt8] = []
    /// Number of containers open around the omitted field.
    private var omittedLevel: Int?
    private var isInItems = false
    private var sink: Sink
    private var value: [UInt8] = []
    private(set) var rest: [UInt8] = []
    private var hasEnded = false

    init(_ shape: Shape, maximumBytes: Int) {
        self.shape = shape
        self.maximumBytes = maximumBytes
        sink = shape == .list ? .rest : .nowhere
    }

    /// The bytes end with a complete value.
    var isComplete: Bool { levels.isEmpty && (hasEnded || shape == .stream) }

    /// Calls `take` with each value that ends in `bytes`.
    mutating func feed(
        _ bytes: Span<UInt8>,
        _ take: ([UInt8]) throws -> Void
    ) throws {
        var position = 0
        // Bytes are passed on in runs; those before `start` have been.
        var start = 0
        while position < bytes.count {
            if grammar.isInText {
                try skipText(bytes, &position)
                continue
            }
            let byte = bytes[position]
            try grammar.take(byte)
            switch byte {
            case 0x20, 0x09, 0x0a, 0x0d: break
            case UInt8(ascii: "\""):
                try checkPlace()
                if grammar.isKey { key.removeAll(keepingCapacity: true) }
            case UInt8(ascii: "{"), UInt8(ascii: "["):
                try open(byte, bytes, &start, position)
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                try close(bytes, &start, position, take)
            case UInt8(ascii: ","):
                try flush(bytes, &start, position)
                endOmission()
                if isInItems, levels.count == 2 { start = position + 1 }
            case UInt8(ascii: ":"):
                try colon(bytes, &start, position)
            default: try checkPlace()
            }
            position += 1
        }
        try flush(bytes, &start, position)
    }

    /// Skips to the end of a text, or of the bytes.
    private mutating func skipText(_ bytes: Span<UInt8>, _ position: inout Int) throws {
        repeat {
            let end = grammar.endOfPlainText(bytes, from: position)
            while position < end {
                guard grammar.isKey, key.count < Self.keptOfKey else {
                    position = end
                    break
                }
                key.append(bytes[position])
                position += 1
            }
            guard position < bytes.count else { return }
            let byte = bytes[position]
            try grammar.take(byte)
            position += 1
            guard grammar.isInText else { return }
            if grammar.isKey, key.count < Self.keptOfKey { key.append(byte) }
        } while position < bytes.count
    }

    private mutating func open(
        _ byte: UInt8,
        _ bytes: Span<UInt8>,
        _ start: inout Int,
        _ position: Int
    ) throws {
        let isObject = byte == UInt8(ascii: "{")
        if levels.isEmpty || (isInItems && levels.count == 2) {
            guard isObject, !hasEnded else { throw APIDecodingError.misplaced }
            if shape == .stream || isInItems {
                sink = .value
                start = position
            }
        }
        let parentIsObject = levels.last?.isObject == true
        levels.append(
            Level(
                isObject: isObject,
                isMetadata: parentIsObject && key.elementsEqual(Self.metadata)
            )
        )
        if shape == .list, !isObject, levels.count == 2, key.elementsEqual(Self.items) {
            try flush(bytes, &start, position + 1)
            isInItems = true
            sink = .nowhere
        }
    }

    private mutating func close(
        _ bytes: Span<UInt8>,
        _ start: inout Int,
        _ position: Int,
        _ take: ([UInt8]) throws -> Void
    ) throws {
        if omittedLevel == levels.count {
            try flush(bytes, &start, position)
            endOmission()
        }
        levels.removeLast()
        if isInItems, levels.count == 1 {
            isInItems = false
            sink = .rest
            start = position
        }
        let valueEnds = sink == .value && levels.count == (isInItems ? 2 : 0)
        if valueEnds {
            try flush(bytes, &start, position + 1)
            sink = .nowhere
            let whole = value
            value = []
            try take(whole)
        }
        if levels.isEmpty, shape == .list { hasEnded = true }
    }

    /// Starts omitting a field, if the key before the colon is its name.
    private mutating func colon(
        _ bytes: Span<UInt8>,
        _ start: inout Int,
        _ position: Int
    ) throws {
        guard omittedLevel == nil, sink != .nowhere, levels.last?.isMetadata == true,
            key.elementsEqual(Self.managedFields)
        else { return }
        try flush(bytes, &start, position + 1)
        try append(Self.null.utf8)
        omittedLevel = levels.count
    }

    private mutating func endOmission() {
        if omittedLevel == levels.count { omittedLevel = nil }
    }

    /// Rejects anything but containers where only those are valid.
    private func checkPlace() throws {
        if levels.isEmpty || (isInItems && levels.count == 2) { throw APIDecodingError.misplaced }
    }

    /// Passes on the bytes up to `end`.
    private mutating func flush(
        _ bytes: Span<UInt8>,
        _ start: inout Int,
        _ end: Int
    ) throws {
        defer { start = max(start, end) }
        guard start < end, omittedLevel == nil, sink != .nowhere else { return }
        let run = bytes.extracting(start..<end)
        try checkSize(adding: run.count)
        if sink == .value { value.append(run) } else { rest.append(run) }
    }

    private mutating func append(_ text: some Collection<UInt8>) throws {
        try checkSize(adding: text.count)
        if sink == .value { value += text } else { rest += text }
    }

    private func checkSize(adding count: Int) throws {
        guard (sink == .value ? value.count : rest.count) + count <= maximumBytes else {
            throw APIDecodingError(
                reason: "a JSON value of more than \(maximumBytes) bytes"
            )
        }
    }

    private static let metadata = "metadata".utf8
    /// More than the longest key that is looked for.
    private static let keptOfKey = 32
    private static let managedFields = "managedFields".utf8
    private static let items = "items".utf8
    private static let null = "null"
}
