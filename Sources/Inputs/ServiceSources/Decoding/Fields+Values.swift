import Addressing
import AnnotatedYAML
import KubernetesObjects
import PrintableText
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

    /// TCP if absent.
    func transport(ignoringCase: Bool = false) throws(FieldError) -> TransportProtocol {
        guard let text = try string("protocol"), !text.isEmpty else { return .tcp }
        let found =
            ignoringCase
            ? TransportProtocol(keyword: text) : TransportProtocol(rawValue: text)
        guard let found else {
            throw error("protocol", "\(quoted(text)) is not one of TCP, UDP, SCTP")
        }
        return found
    }

    func address(_ name: String) throws(FieldError) -> IPAddress? {
        guard let text = try string(name), !text.isEmpty else { return nil }
        guard let address = IPAddress(text) else {
            throw error(name, "\(quoted(text)) is not an IP address")
        }
        return address
    }

    /// The addresses of a list.
    func addresses(_ name: String) throws(FieldError) -> [IPAddress] {
        try filled(name, "an IP address") { IPAddress($0) }
    }

    /// The CIDR ranges of a list.
    func prefixes(_ name: String) throws(FieldError) -> [IPPrefix] {
        try filled(name, "an address range such as 192.0.2.0/24") { IPPrefix($0) }
    }

    /// As `parsed`. Blank elements are skipped, as Kubernetes proxies do.
    private func filled<Value>(
        _ name: String,
        _ wanted: String,
        _ parse: (String) -> Value?
    ) throws(FieldError) -> [Value] {
        let values = try parsed(name, wanted) { text -> Value?? in
            let text = text.trimmed
            return text.isEmpty ? .some(nil) : parse(text).map { .some($0) }
        }
        return values.compactMap(\.self)
    }

    /// The nested Kubernetes form of the affinity timeout; 10800 s if absent.
    func clientIPAffinity() throws(FieldError) -> SessionAffinity {
        let seconds = try fields("clientIP")?.integer("timeoutSeconds", in: 1...86400)
        return .clientIP(timeoutSeconds: UInt32(seconds ?? 10800))
    }
}

extension Fields {
    func objectName(_ field: String) throws(FieldError) -> String {
        let name = try requiredString(field)
        guard ObjectNames.isObjectName(name) else {
            throw error(field, "\(quoted(name)) is not a valid name")
        }
        return name
    }

    /// A port's name; empty if absent.
    func portName() throws(FieldError) -> String {
        guard let name = try string("name"), !name.isEmpty else { return "" }
        guard ObjectNames.isLabel(name) else {
            throw error("name", "\(quoted(name)) is not a valid port name")
        }
        return name
    }

    /// Nil if absent or empty.
    func policy(_ name: String) throws(FieldError) -> TrafficPolicy? {
        guard let text = try string(name), !text.isEmpty else { return nil }
        return try choice(name, of: TrafficPolicy.self)
    }
}
