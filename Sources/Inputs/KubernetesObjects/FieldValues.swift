package import Addressing
import PrintableText
import ServiceModel

/// Converts the texts and numbers of fields, whatever their source. `path` is the position of the
/// value, for errors.
package enum FieldValues {
    /// A required port number.
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

    /// An optional port number; 0 and absent mean none.
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

    /// TCP if absent.
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

    /// Why an endpoint can't have this address; nil if it can. As the API server validates
    /// EndpointSlices (`ValidateEndpointIP`).
    package static func reasonAgainst(endpoint address: IPAddress) -> String? {
        let kind: String? =
            if address.isUnspecified {
                "unspecified"
            } else if address.isLoopback {
                "loopback"
            } else if address.isLinkLocal || address.isLinkLocalMulticast {
                "link-local"
            } else {
                nil
            }
        return kind.map { "\(address) is \($0), which an endpoint's address may not be" }
    }

    /// Nil if absent or blank.
    package static func address(
        _ text: String?,
        _ path: @autoclosure () -> FieldPath
    ) throws(ObjectError) -> IPAddress? {
        guard let text else { return nil }
        if let address = IPAddress(text) { return address }
        let trimmed = text.trimmed
        if trimmed.isEmpty { return nil }
        guard let address = IPAddress(trimmed) else {
            throw ObjectError(path(), "\(quoted(text)) is not an IP address")
        }
        return address
    }

    /// As `addresses`, but invalid ones are added to `leftOut` and the others are used.
    package static func usableAddresses(
        _ texts: [String]?,
        _ path: @autoclosure () -> FieldPath,
        _ leftOut: inout [ObjectError]
    ) -> [IPAddress] {
        var result: [IPAddress] = []
        for (index, text) in (texts ?? []).enumerated() {
            do throws(ObjectError) {
                let element = try address(text, path().appending(.element(index)))
                if let element { result.append(element) }
            } catch {
                leftOut.append(error.adding("this address is left out"))
            }
        }
        return result
    }

    /// Blank elements are skipped, as Kubernetes proxies do.
    package static func addresses(
        _ texts: [String]?,
        _ path: @autoclosure () -> FieldPath
    ) throws(ObjectError) -> [IPAddress] {
        var result: [IPAddress] = []
        for (index, text) in (texts ?? []).enumerated() {
            let element = try address(text, path().appending(.element(index)))
            if let element { result.append(element) }
        }
        return result
    }

    /// CIDR ranges; blank elements are skipped.
    package static func prefixes(
        _ texts: [String]?,
        _ path: @autoclosure () -> FieldPath
    ) throws(ObjectError) -> [IPPrefix] {
        var result: [IPPrefix] = []
        for (index, text) in (texts ?? []).enumerated() {
            let element = try prefix(text, path().appending(.element(index)))
            if let element { result.append(element) }
        }
        return result
    }

    /// Nil if blank.
    private static func prefix(
        _ text: String,
        _ path: @autoclosure () -> FieldPath
    ) throws(ObjectError) -> IPPrefix? {
        let trimmed = text.trimmed
        guard !trimmed.isEmpty else { return nil }
        guard let prefix = IPPrefix(trimmed) else {
            throw ObjectError(
                path(),
                "\(quoted(text)) is not an address range such as 192.0.2.0/24"
            )
        }
        return prefix
    }

    /// The clients admitted by source ranges; an empty list admits all. An invalid range admits
    /// none and is added to `leftOut`: a family without another range is closed.
    package static func sourceRanges(
        _ texts: [String]?,
        _ path: @autoclosure () -> FieldPath,
        _ leftOut: inout [ObjectError]
    ) -> [IPPrefix] {
        var result: [IPPrefix] = []
        var isAllGood = true
        for (index, text) in (texts ?? []).enumerated() {
            do throws(ObjectError) {
                let element = try prefix(text, path().appending(.element(index)))
                if let element { result.append(element) }
            } catch {
                isAllGood = false
                leftOut.append(error.adding("this range admits no client"))
            }
        }
        guard !isAllGood else { return result }
        let families = Set(result.map(\.family))
        return result + IPPrefix.nobody.filter { !families.contains($0.family) }
    }

    /// One of a fixed set of words; nil if absent or empty.
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
