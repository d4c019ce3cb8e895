import PrintableText

/// Where a field stands in an object: `spec.ports[0].port`.
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

    /// Safe to print, whatever the names in it.
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

/// One field of an object that can't be used.
package struct ObjectError: Error, Sendable, Hashable, CustomStringConvertible {
    package var path: FieldPath
    package var reason: String

    package init(_ path: FieldPath, _ reason: String) {
        self.path = path
        self.reason = reason
    }

    package var description: String { path.steps.isEmpty ? reason : "\(path): \(reason)" }

    /// With what becomes of the object without the field.
    func adding(_ consequence: String) -> ObjectError {
        ObjectError(path, "\(reason); \(consequence)")
    }
}

extension Array {
    /// Issues of one object, eleven at most: in place of those after the tenth what `summary` makes of
    /// their number. A slice may hold a thousand endpoints, and all be wrong in the same way.
    package func shortened(_ summary: (Int) -> Element) -> [Element] {
        count > 11 ? prefix(10) + [summary(count - 10)] : self
    }
}
