import CYAML
import PrintableText

/// Reads the nodes of one document with libyaml.
// @safe: `root` makes it and ends it while the bytes that it reads are valid.
@safe
struct NodeReader: ~Copyable {
    private enum Event {
        case alias(String)
        case scalar(String, isPlain: Bool, anchor: String?)
        case sequenceStart(anchor: String?)
        case mappingStart(anchor: String?)
        /// Of a sequence or a mapping.
        case end
        case streamEnd
        /// The beginning of the stream, or the bounds of a document.
        case bound
    }

    private struct PlacedEvent {
        var line: Int
        var column: Int
        var event: Event
    }

    /// The document of a text, nil if it has none.
    ///
    /// Lines count from `linesBefore` + 1.
    ///
    /// - Throws: an error for text that is not YAML, holds two documents, equal keys or unknown aliases,
    ///   or nests deeper than `YAMLText.maximumDepth`.
    static func root(_ text: Substring, linesBefore: Int) throws(FieldError) -> YAMLNode? {
        var text = text
        let result = text.withUTF8 { bytes -> Result<YAMLNode?, FieldError> in
            // The reader ends before the bytes do.
            do throws(FieldError) {
                var reader = try unsafe NodeReader(bytes, linesBefore: linesBefore)
                return .success(try reader.root())
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }

    // Allocated, as the parser keeps a pointer to itself.
    private let parser: UnsafeMutablePointer<yaml_parser_t>
    private let text: UnsafeBufferPointer<UInt8>
    private let linesBefore: Int
    private var anchors: [String: YAMLNode] = [:]
    private var depth = 0

    /// The bytes must outlive the reader.
    private init(_ bytes: UnsafeBufferPointer<UInt8>, linesBefore: Int) throws(FieldError) {
        unsafe text = bytes
        self.linesBefore = linesBefore
        unsafe parser = .allocate(capacity: 1)
        unsafe parser.initialize(to: yaml_parser_t())
        guard unsafe yaml_parser_initialize(parser) == 1 else { throw Self.noMemory(linesBefore) }
        unsafe yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING)
        unsafe yaml_parser_set_input_string(parser, bytes.baseAddress, bytes.count)
    }

    deinit {
        unsafe yaml_parser_delete(parser)
        unsafe parser.deallocate()
    }

    private mutating func root() throws(FieldError) -> YAMLNode? {
        _ = try next()  // the stream begins
        if case .streamEnd = try next().event { return nil }
        let root = try node(next())
        _ = try next()  // the document ends
        let rest = try next()
        guard case .streamEnd = rest.event else {
            throw invalid("but found another document", line: rest.line)
        }
        return root
    }

    // MARK: - Nodes

    private mutating func node(_ start: PlacedEvent) throws(FieldError) -> YAMLNode {
        guard depth <= YAMLText.maximumDepth else {
            throw FieldError(
                line: start.line,
                path: "",
                reason: "nested deeper than \(YAMLText.maximumDepth) levels"
            )
        }
        depth += 1
        defer { depth -= 1 }
        let content: YAMLNode.Content
        let name: String?
        switch start.event {
        case .alias(let name):
            guard let node = anchors[name] else {
                throw invalid("found undefined alias", line: start.line)
            }
            return node
        case .scalar(let text, let isPlain, let anchor):
            content = .scalar(text, isPlain: isPlain)
            name = anchor
        case .sequenceStart(let anchor):
            content = .sequence(try elements())
            name = anchor
        case .mappingStart(let anchor):
            content = .mapping(try entries())
            name = anchor
        case .end, .streamEnd, .bound:
            // The parser reports no such thing where a node begins.
            throw invalid("a value is missing", line: start.line)
        }
        let node = YAMLNode(line: start.line, column: start.column, content: content)
        // A name that is given again means the later node from there on.
        if let name { anchors[name] = node }
        return node
    }

    private mutating func elements() throws(FieldError) -> [YAMLNode] {
        var elements: [YAMLNode] = []
        while true {
            let event = try next()
            if case .end = event.event { return elements }
            elements.append(try node(event))
        }
    }

    private mutating func entries() throws(FieldError) -> [(key: YAMLNode, value: YAMLNode)] {
        var entries: [(key: YAMLNode, value: YAMLNode)] = []
        while true {
            let event = try next()
            if case .end = event.event { break }
            let key = try node(event)
            entries.append((key, try node(next())))
        }
        try Self.checkKeys(entries)
        return entries
    }

    private static func list(_ names: [String]) -> String {
        let most = 10
        let first = names.prefix(most).map { quoted($0) }.joined(separator: ", ")
        return names.count > most ? first + ", and \(names.count - most) more" : first
    }

    /// Equal keys are an error, which names some of them, with the place of the first.
    private static func checkKeys(
        _ entries: [(key: YAMLNode, value: YAMLNode)]
    ) throws(FieldError) {
        guard entries.count > 1 else { return }
        var first: [String: YAMLNode] = [:]
        first.reserveCapacity(entries.count)
        var merge: YAMLNode?
        var repeated: [String: YAMLNode] = [:]
        for (key, _) in entries {
            // Others are no names, and an error later.
            guard case .scalar(let text, let isPlain) = key.content else { continue }
            if isPlain, text == YAMLNode.mergeKey {
                if let merge { repeated[text] = merge }
                merge = merge ?? key
            } else if let earlier = first[text] {
                repeated[text] = earlier
            } else {
                first[text] = key
            }
        }
        let names = repeated.keys.sorted()
        guard let name = names.first, let key = repeated[name] else { return }
        var error = FieldError(
            line: key.line,
            path: "",
            reason: "key given twice: \(list(names))"
        )
        error.duplicate = DuplicateKey(line: key.line, column: key.column)
        throw error
    }

    // MARK: - libyaml

    private mutating func next() throws(FieldError) -> PlacedEvent {
        var event = unsafe yaml_event_t()
        guard unsafe yaml_parser_parse(parser, &event) == 1 else { throw failure() }
        defer { unsafe yaml_event_delete(&event) }
        return PlacedEvent(
            line: unsafe linesBefore + Int(clamping: event.start_mark.line) + 1,
            column: unsafe Int(clamping: event.start_mark.column) + 1,
            event: unsafe Self.event(event)
        )
    }

    private static func event(_ event: yaml_event_t) -> Event {
        switch unsafe event.type {
        case YAML_ALIAS_EVENT:
            return .alias(unsafe string(event.data.alias.anchor) ?? "")
        case YAML_SCALAR_EVENT:
            let scalar = unsafe event.data.scalar
            let bytes = unsafe UnsafeBufferPointer(start: scalar.value, count: scalar.length)
            return unsafe .scalar(
                // The text may hold zeros; the parser has checked that it is UTF-8.
                String(decoding: bytes, as: UTF8.self),
                isPlain: isPlain(scalar.style, string(scalar.tag), scalar.quoted_implicit == 1),
                anchor: string(scalar.anchor)
            )
        case YAML_SEQUENCE_START_EVENT:
            return .sequenceStart(anchor: unsafe string(event.data.sequence_start.anchor))
        case YAML_MAPPING_START_EVENT:
            return .mappingStart(anchor: unsafe string(event.data.mapping_start.anchor))
        case YAML_SEQUENCE_END_EVENT, YAML_MAPPING_END_EVENT: return .end
        case YAML_STREAM_END_EVENT: return .streamEnd
        default: return .bound
        }
    }

    /// A tag determines the type, regardless of quotes.
    private static func isPlain(
        _ style: yaml_scalar_style_t,
        _ tag: String?,
        _ isString: Bool
    ) -> Bool {
        guard !isString else { return false }
        switch tag {
        case "tag:yaml.org,2002:str", "!": return false
        case "tag:yaml.org,2002:bool", "tag:yaml.org,2002:int", "tag:yaml.org,2002:float",
            "tag:yaml.org,2002:null":
            return true
        default: return style == YAML_PLAIN_SCALAR_STYLE || style == YAML_ANY_SCALAR_STYLE
        }
    }

    private static func string(_ bytes: UnsafePointer<UInt8>?) -> String? {
        unsafe bytes.map { unsafe String(cString: $0) }
    }

    // MARK: - Errors

    private func failure() -> FieldError {
        let problem = unsafe parser.pointee.problem.map { unsafe String(cString: $0) }
        switch unsafe parser.pointee.error {
        case YAML_SCANNER_ERROR, YAML_PARSER_ERROR, YAML_COMPOSER_ERROR:
            let line = unsafe Int(clamping: parser.pointee.problem_mark.line)
            return invalid(problem ?? "unknown", line: linesBefore + line + 1)
        case YAML_MEMORY_ERROR: return Self.noMemory(linesBefore)
        // A character that YAML forbids, whose offset is known.
        default:
            let before = unsafe min(Int(clamping: parser.pointee.problem_offset), text.count)
            let lines = unsafe text[..<before].count { $0 == 0x0a }
            return invalid(problem ?? "unknown", line: linesBefore + lines + 1)
        }
    }

    private func invalid(_ problem: String, line: Int) -> FieldError {
        FieldError(line: line, path: "", reason: "not valid YAML: \(problem)")
    }

    private static func noMemory(_ linesBefore: Int) -> FieldError {
        FieldError(line: linesBefore + 1, path: "", reason: "there is not enough memory to read it")
    }
}
