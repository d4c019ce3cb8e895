import AnnotatedYAML
import PrintableText
import ServiceModel
import ServiceSources

/// A program's way to write Services that can be converted.
package enum ForeignFormat: String, Sendable, CaseIterable {
    /// What `ipvsadm -Sn` writes.
    case ipvsadm
    /// keepalived.conf.
    case keepalived
    /// The file of Cilium's `--lb-state-file`.
    case cilium

    /// Why nothing of an input can be converted.
    package struct Failure: Error, Equatable {
        /// 1-based.
        package var line: Int
        package var reason: String
    }

    /// The format of a text by its first word; nil if that is no certain sign.
    package init?(of text: String) {
        let text = Self.withoutMark(text)
        let line = text.utf8.split(separator: 0x0a).lazy
            .map { $0.drop { [0x20, 0x09, 0x0d].contains($0) } }
            .first { line in
                guard let byte = line.first else { return false }
                return byte != UInt8(ascii: "#") && byte != UInt8(ascii: "!")
            }
        guard let line else { return nil }
        let end = line.firstIndex { [0x20, 0x09, 0x0d].contains($0) } ?? line.endIndex
        let word = String(Substring(line[..<end]))
        if ["-A", "--add-service", "-a", "--add-server"].contains(word) {
            self = .ipvsadm
        } else if Self.isKeepalived(word) || word.hasPrefix("$") || word.hasPrefix("@") {
            self = .keepalived
        } else if ["services:", "endpoints:", "---"].contains(word) || word.hasPrefix("{") {
            self = .cilium
        } else {
            return nil
        }
    }

    private static func isKeepalived(_ word: String) -> Bool {
        let roots: Set = [
            "virtual_server", "virtual_server_group", "include", "SSL", "net_namespace",
            "net_namespace_ipvs",
        ]
        return roots.contains(word) || KeepalivedFile.otherRoots.contains(word)
    }

    /// Editors of other systems begin a file with a byte order mark.
    private static func withoutMark(_ text: String) -> String {
        text.unicodeScalars.first == "\u{feff}" ? String(text.unicodeScalars.dropFirst()) : text
    }

    /// The Services of a text. Each of them is one that a manifest may have; what cannot be is a
    /// finding.
    ///
    /// - Throws: an error if the text is not of this format, or it is not certain what stands where.
    package func convert(_ text: String) throws(Failure) -> Converted {
        let text = Self.withoutMark(text)
        var converted: Converted
        switch self {
        case .ipvsadm: converted = IPVSAdmRules.convert(text)
        case .keepalived:
            do throws(KeepalivedText.Failure) {
                converted = try KeepalivedFile.convert(text)
            } catch {
                throw Failure(line: error.line, reason: error.reason)
            }
        case .cilium:
            do throws(FieldError) {
                converted = try CiliumState.convert(text)
            } catch {
                throw Failure(line: error.line, reason: error.description)
            }
        }
        converted.check()
        return converted
    }
}

extension Converted {
    /// The whole manifest.
    package var text: String {
        services.isEmpty ? "services: []\n" : "services:\n" + services.map(\.text).joined()
    }

    /// Leaves out what a manifest may not have, and orders the findings.
    fileprivate mutating func check() {
        let decoder = ManifestDecoder()
        var bad: [(line: Int, service: ServiceName, reason: String)] = []
        services.removeAll { service in
            let manifest = decoder.decode("services:\n" + service.text)
            bad += manifest.bad.map { (service.line, service.service.name, $0.reason) }
            return !manifest.bad.isEmpty
        }
        for (line, name, reason) in bad {
            leaveOut(line, "\(name)", "\(reason); the Service is left out")
        }
        // As they stand in the input; `sort` keeps no order among equals.
        findings = findings.enumerated()
            .sorted { ($0.element.line, $0.offset) < ($1.element.line, $1.offset) }
            .map(\.element)
    }
}
