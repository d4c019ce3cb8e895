package import Addressing
import PrintableText
import ServiceModel

/// Converts the texts and numbers of fields, whatever their source. `path` is the position of the
/// value, for errors.
package enum FieldValues {
    /// A required port number; throws if it is missing or out of range.
    package static func port(
        _ number: Int?,
        _ path: @autoclosure () -> FieldPath
    ) throws(ObjectError) -> PortNumber {
        guard let number else { throw ObjectError(path(), "is missing") }
        guard let port = PortNumber(number) else {
            throw ObjectError(path(), "\(number) is not in 1...65535")
        }
        return port
    }

    /// An optional port number; nil if 0 or absent, throws if it is out of range.
    package static func optionalPort(
        _ number: Int?,
        _ path: @autoclosure () -> FieldPath
    ) throws(ObjectError) -> PortNumber? {
        guard let number, number != 0 else { return nil }
        guard let port = PortNumber(number) else {
            throw ObjectError(path(), "\(number) is not in 0...65535")
        }
        return port
    }

    /// TCP if absent or empty; throws for an unknown protocol.
    package static func transport(
        _ text: String?,
        _ path: @autoclosure () -> FieldPath
    ) throws(ObjectError) -> TransportProtocol {
        guard let text, !text.isEmpty else { return .tcp }
        guard let transport = TransportProtocol(rawValue: text) else {
            throw ObjectError(path(), "\(quoted(text)) is not one of TCP, UDP, SCTP")
        }
        return transport
    }

    /// Why an endpoint cannot have this address; nil if it can. As the API server validates
    /// EndpointSlices (`ValidateEndpointIP`).
    package static func reasonAgainst(endpoint address: IPAddress) -> String? {
        reasonAgainst(address, "an endpoint's address")
    }

    /// Why an object may not claim this address besides its ClusterIPs; nil if it may. As the API server
    /// validates external IPs; it does not look at load-balancer addresses.
    static func reasonAgainst(external address: IPAddress) -> String? {
        reasonAgainst(address, "an external address")
    }

    /// Why nothing can be served at this address; nil if it can. For what an administrator wrote, who may want a
    /// link-local one.
    package static func reasonAgainst(frontend address: IPAddress) -> String? {
        let kind: String? =
            if address.isUnspecified {
                "unspecified"
            } else if address.isLoopback {
                "loopback"
            } else if address.isMulticast {
                // The only one that is no group's.
                address == IPAddress(ipv4: .max) ? "broadcast" : "multicast"
            } else {
                nil
            }
        return kind.map { "\(address) is \($0), which a Service's address may not be" }
    }

    private static func reasonAgainst(_ address: IPAddress, _ role: String) -> String? {
        let kind: String? =
            if address.isUnspecified {
                "unspecified"
            } else if address.isLoopback {
                "loopback"
            } else if address.isLinkLocal {
                "link-local"
            } else if address.isLinkLocalMulticast {
                "link-local multicast"
            } else {
                nil
            }
        return kind.map { "\(address) is \($0), which \(role) may not be" }
    }

    /// Nil if absent or blank; throws for any other text that is not an address.
    package static func address(
        _ text: String?,
        _ path: @autoclosure () -> FieldPath
    ) throws(ObjectError) -> IPAddress? {
        guard let text else { return nil }
        if let address = IPAddress(text) { return address }
        let trimmed = text.trimmed
        if trimmed.isEmpty { return nil }
        guard let address = IPAddress(trimmed) else {
            throw ObjectError(path(), "\(quoted(text)) is not \(addressNoun)")
        }
        return address
    }

    /// As `addresses`, but those that are invalid, or that no object may claim, are added to `leftOut` and
    /// the others are used.
    package static func externalAddresses(
        _ texts: [String]?,
        _ path: @autoclosure () -> FieldPath,
        _ leftOut: inout [ObjectError]
    ) -> [IPAddress] {
        var result: [IPAddress] = []
        for (index, text) in (texts ?? []).enumerated() {
            let path = path().appending(.element(index))
            do throws(ObjectError) {
                if let address = try externalAddress(text, path) { result.append(address) }
            } catch {
                leftOut.append(error.adding("this address is left out"))
            }
        }
        return result
    }

    /// As `address`; also throws for one that no object may claim.
    static func externalAddress(
        _ text: String?,
        _ path: @autoclosure () -> FieldPath
    ) throws(ObjectError) -> IPAddress? {
        guard let address = try address(text, path()) else { return nil }
        if let reason = reasonAgainst(external: address) { throw ObjectError(path(), reason) }
        return address
    }

    /// The addresses of a list. Blank elements are skipped, as Kubernetes proxies do; throws for any
    /// other that is not an address.
    package static func addresses(
        _ texts: [String]?,
        _ path: @autoclosure () -> FieldPath
    ) throws(ObjectError) -> [IPAddress] {
        try elements(texts, path, addressNoun, IPAddress.init) { (error) throws(ObjectError) in
            throw error
        }
    }

    /// The CIDR ranges of a list, as `addresses`.
    package static func prefixes(
        _ texts: [String]?,
        _ path: @autoclosure () -> FieldPath
    ) throws(ObjectError) -> [IPPrefix] {
        try elements(texts, path, rangeNoun, IPPrefix.init) { (error) throws(ObjectError) in
            throw error
        }
    }

    /// The nouns of `"x" is not …`.
    private static let addressNoun = "an IP address"
    private static let rangeNoun = "an address range such as 192.0.2.0/24"

    /// The elements of a list, without blank ones; `refuse` gets the error of each for which `parse`
    /// returns nil.
    private static func elements<Element, Failure: Error>(
        _ texts: [String]?,
        _ path: () -> FieldPath,
        _ noun: String,
        _ parse: (String) -> Element?,
        _ refuse: (ObjectError) throws(Failure) -> Void
    ) throws(Failure) -> [Element] {
        var result: [Element] = []
        for (index, text) in (texts ?? []).enumerated() {
            if let element = parse(text) ?? parse(text.trimmed) {
                result.append(element)
            } else if !text.trimmed.isEmpty {
                let path = path().appending(.element(index))
                try refuse(ObjectError(path, "\(quoted(text)) is not \(noun)"))
            }
        }
        return result
    }

    /// The clients admitted by source ranges; an empty list admits all. An invalid range admits
    /// none and is added to `leftOut`: a family without another range is closed.
    package static func sourceRanges(
        _ texts: [String]?,
        _ path: @autoclosure () -> FieldPath,
        _ leftOut: inout [ObjectError]
    ) -> [IPPrefix] {
        let before = leftOut.count
        let result = elements(texts, path, rangeNoun, IPPrefix.init) {
            leftOut.append($0.adding("this range admits no client"))
        }
        guard leftOut.count > before else { return result }
        let families = Set(result.map(\.family))
        return result + IPPrefix.unmatchable.filter { !families.contains($0.family) }
    }

    /// One of a fixed set of words; nil if absent or empty, throws for any other text.
    package static func choice<Choice: RawRepresentable<String> & CaseIterable>(
        _ text: String?,
        of type: Choice.Type,
        _ path: @autoclosure () -> FieldPath
    ) throws(ObjectError) -> Choice? {
        guard let text, !text.isEmpty else { return nil }
        guard let choice = Choice(rawValue: text) else {
            let words = Choice.allCases.map(\.rawValue).joined(separator: ", ")
            throw ObjectError(path(), "\(quoted(text)) is not one of \(words)")
        }
        return choice
    }
}

extension String {
    /// Without blanks at the ends.
    package var trimmed: String {
        let blanks: (Character) -> Bool = { $0 == " " || $0 == "\t" || $0 == "\n" || $0 == "\r" }
        guard let first = firstIndex(where: { !blanks($0) }),
            let last = lastIndex(where: { !blanks($0) })
        else { return "" }
        return String(self[first...last])
    }
}
