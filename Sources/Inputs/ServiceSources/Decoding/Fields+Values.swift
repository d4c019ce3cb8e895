import Addressing
import AnnotatedYAML
import KubernetesObjects
import ServiceModel

extension Fields {
    func port(_ name: String) throws(FieldError) -> PortNumber? {
        try integer(name, in: 1...65535).flatMap { PortNumber($0) }
    }

    func requiredPort(_ name: String) throws(FieldError) -> PortNumber {
        guard let port = try port(name) else { throw error(name, "is missing") }
        return port
    }

    /// A node port; nil if 0 or absent.
    func nodePort(_ name: String) throws(FieldError) -> PortNumber? {
        try integer(name, in: 0...65535).flatMap { PortNumber($0) }
    }

    /// In any letter case; TCP if absent.
    func transport() throws(FieldError) -> TransportProtocol {
        let text = try string("protocol")
        let known = text.flatMap { TransportProtocol(keyword: $0)?.rawValue }
        return try located { () throws(ObjectError) in
            try FieldValues.transport(known ?? text, FieldPath("protocol"))
        }
    }

    /// Nil if absent or blank.
    func address(_ name: String) throws(FieldError) -> IPAddress? {
        let text = try string(name)
        return try located { () throws(ObjectError) in
            try FieldValues.address(text, FieldPath(.field(name)))
        }
    }

    /// The addresses of a list.
    func addresses(_ name: String) throws(FieldError) -> [IPAddress] {
        let texts = try strings(name).map(\.text)
        return try located { () throws(ObjectError) in
            try FieldValues.addresses(texts, FieldPath(.field(name)))
        }
    }

    /// The CIDR ranges of a list.
    func prefixes(_ name: String) throws(FieldError) -> [IPPrefix] {
        let texts = try strings(name).map(\.text)
        return try located { () throws(ObjectError) in
            try FieldValues.prefixes(texts, FieldPath(.field(name)))
        }
    }

    /// The nested Kubernetes form of the affinity timeout; 10800 s if absent.
    func clientIPAffinity() throws(FieldError) -> SessionAffinity {
        let seconds = try fields("clientIP")?.integer("timeoutSeconds", in: 1...86400)
        return .clientIP(timeoutSeconds: UInt32(seconds ?? 10800))
    }

    func objectName(_ field: String) throws(FieldError) -> String {
        let name = try string(field)
        return try located { () throws(ObjectError) in
            try ObjectNames.objectName(name, FieldPath(.field(field)))
        }
    }

    /// A port's name; empty if absent.
    func portName() throws(FieldError) -> String {
        let name = try string("name")
        return try located { () throws(ObjectError) in
            try ObjectNames.portName(name, FieldPath("name"))
        }
    }

    /// Nil if absent or empty.
    func policy(_ name: String) throws(FieldError) -> TrafficPolicy? {
        guard let text = try string(name), !text.isEmpty else { return nil }
        return try choice(name, of: TrafficPolicy.self)
    }
}
