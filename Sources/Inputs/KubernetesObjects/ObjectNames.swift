import PrintableText

/// Names as Kubernetes allows them. All others are rejected at the input.
package enum ObjectNames {
    /// A DNS subdomain (RFC 1123): at most 253 characters of a-z, 0-9, `-` and `.`, alphanumeric at
    /// both ends.
    package static func isObjectName(_ text: String) -> Bool {
        isName(text, maximum: 253, dots: true)
    }

    /// A DNS label: at most 63 characters, no dots.
    package static func isLabel(_ text: String) -> Bool { isName(text, maximum: 63, dots: false) }

    /// An object's name or namespace.
    package static func objectName(
        _ text: String?,
        _ path: @autoclosure () -> FieldPath
    ) throws(ObjectError) -> String {
        guard let text, !text.isEmpty else { throw ObjectError(path(), "is missing") }
        guard isObjectName(text) else {
            throw ObjectError(path(), "\(quoted(text)) is not a valid name")
        }
        return text
    }

    /// A port's name; empty if absent.
    package static func portName(
        _ text: String?,
        _ path: @autoclosure () -> FieldPath
    ) throws(ObjectError) -> String {
        guard let text, !text.isEmpty else { return "" }
        guard isLabel(text) else {
            throw ObjectError(path(), "\(quoted(text)) is not a valid port name")
        }
        return text
    }

    private static func isName(_ text: String, maximum: Int, dots: Bool) -> Bool {
        let bytes = text.utf8
        guard (1...maximum).contains(bytes.count), let first = bytes.first, let last = bytes.last
        else { return false }
        func isAlphanumeric(_ byte: UInt8) -> Bool {
            (0x61...0x7a).contains(byte) || (0x30...0x39).contains(byte)
        }
        return isAlphanumeric(first) && isAlphanumeric(last)
            && bytes.allSatisfy { isAlphanumeric($0) || $0 == 0x2d || (dots && $0 == 0x2e) }
    }
}
