import AnnotatedYAML
import ServiceModel

/// Names as Kubernetes allows them. Anything else is refused before it gets anywhere.
enum ObjectNames {
    /// A DNS subdomain (RFC 1123): at most 253 of a-z, 0-9, `-` and `.`, an alphanumeric at both
    /// ends.
    static func isObjectName(_ text: String) -> Bool { isName(text, maximum: 253, dots: true) }

    /// A DNS label: at most 63 characters, no dots.
    static func isLabel(_ text: String) -> Bool { isName(text, maximum: 63, dots: false) }

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

extension Fields {
    /// An object's name.
    func objectName(_ field: String) throws(FieldError) -> String {
        let name = try requiredString(field)
        guard ObjectNames.isObjectName(name) else {
            throw error(field, "\(quoted(name)) is no valid name")
        }
        return name
    }

    /// A port's name; empty if absent.
    func portName() throws(FieldError) -> String {
        guard let name = try string("name"), !name.isEmpty else { return "" }
        guard ObjectNames.isLabel(name) else {
            throw error("name", "\(quoted(name)) is no valid port name")
        }
        return name
    }
}
