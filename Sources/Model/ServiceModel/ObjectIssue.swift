import PrintableText

/// A problem with one object of the input, described so that a person can act on it.
///
/// Either one value is left out and the rest of the object is used, or the object keeps its last
/// good version; no other object is affected.
package struct ObjectIssue: Sendable, Hashable, Comparable, CustomStringConvertible {
    /// File path, or the name of another kind of source.
    package var source: String
    /// 1-based line in the source; nil when there is none.
    package var line: Int?
    /// `namespace/name`, as far as known.
    package var object: String?
    package var reason: String
    /// The Service that is not served as written because of the issue; nil if that is not known.
    package var service: ServiceName?

    package init(
        source: String,
        line: Int? = nil,
        object: String? = nil,
        reason: String,
        service: ServiceName? = nil
    ) {
        self.source = source
        self.line = line
        self.object = object
        self.reason = reason
        self.service = service
    }

    /// `file:line: namespace/name: reason`, absent parts left out. A file's name is printable.
    package var description: String {
        let source = printable(source, limit: .max)
        let place = line.map { "\(source):\($0)" } ?? source
        return [place, object, reason].compactMap { $0 }.joined(separator: ": ")
    }

    package static func < (left: ObjectIssue, right: ObjectIssue) -> Bool {
        (left.source, left.line ?? 0, left.object ?? "", left.reason)
            < (right.source, right.line ?? 0, right.object ?? "", right.reason)
    }
}

extension ServiceName {
    /// The Service that the control plane names an EndpointSlice after, with one more part at the
    /// end: the best guess for a slice that cannot be read.
    package init?(ofSlice name: String, namespace: String) {
        guard let dash = name.lastIndex(of: "-") else { return nil }
        self.init(namespace: namespace, name: String(name[..<dash]))
    }
}
