import PrintableText

/// The path of a field in an object: `spec.ports[0].port`.
package struct FieldPath: Sendable, Hashable, CustomStringConvertible {
    package enum Step: Sendable, Hashable {
        case field(String)
        case element(Int)
    }

    package var steps: [Step]

    package init(_ steps: Step...) {
        self.steps = steps
    }

    package init(_ steps: [Step]) {
        self.steps = steps
    }

    package func appending(_ more: Step...) -> FieldPath { FieldPath(steps + more) }

    /// Safe to print, whatever names it contains.
    package var description: String {
        var text = ""
        for step in steps {
            switch step {
            case .field(let name): text += (text.isEmpty ? "" : ".") + printable(name)
            case .element(let index): text += "[\(index)]"
            }
        }
        return text
    }
}

extension FieldPath.Step: ExpressibleByStringLiteral {
    package init(stringLiteral name: String) {
        self = .field(name)
    }
}

/// An unusable field of an object.
package struct ObjectError: Error, Sendable, Hashable, CustomStringConvertible {
    package var path: FieldPath
    package var reason: String

    package init(_ path: FieldPath, _ reason: String) {
        self.path = path
        self.reason = reason
    }

    package var description: String { path.steps.isEmpty ? reason : "\(path): \(reason)" }

    /// Adds what happens to the object without the field.
    func adding(_ consequence: String) -> ObjectError {
        ObjectError(path, "\(reason); \(consequence)")
    }
}

extension Array {
    /// At most eleven issues of one object: those after the tenth are replaced by `summary` of
    /// their number. A slice may hold a thousand endpoints that are all wrong in the same way.
    package func shortened(_ summary: (Int) -> Element) -> [Element] {
        count > 11 ? prefix(10) + [summary(count - 10)] : self
    }
}
