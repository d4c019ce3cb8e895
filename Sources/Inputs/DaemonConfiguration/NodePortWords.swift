package import Addressing
import AnnotatedYAML
import DataplaneModel
import PrintableText
import ServiceModel

/// The keywords for a node's addresses, in Fairlead's configuration and in kube-proxy's.
enum NodePortWord: String, CaseIterable {
    case primary
    case localhost
    case all
}

extension NodePortAddresses {
    /// The union of keywords and ranges; throws for any other text.
    init(_ words: [(text: String, line: Int, path: String)]) throws(FieldError) {
        self.init()
        for (text, line, path) in words {
            switch NodePortWord(rawValue: text) {
            case .primary: includesPrimary = true
            case .localhost: includesLocalhost = true
            case .all: includesAll = true
            case nil:
                guard let range = IPPrefix(text) else {
                    throw FieldError(
                        line: line,
                        path: path,
                        reason:
                            "\(quoted(text)) is neither primary, localhost or all nor an address range such as 192.0.2.0/24"
                    )
                }
                ranges.append(range)
            }
        }
    }

    /// The keywords and ranges, in the order of the file.
    var words: [String] {
        let words: [(NodePortWord, Bool)] = [
            (.primary, includesPrimary), (.localhost, includesLocalhost), (.all, includesAll),
        ]
        return words.filter(\.1).map(\.0.rawValue) + ranges.map(\.description)
    }
}

extension DaemonConfiguration {
    /// The loopback addresses that the configuration names but node ports do not accept, with the
    /// reason, for people; nil if there is none.
    package func localhostLimit(_ families: [IPFamily]) -> String? {
        let support = chosenMode.localhost
        let asked = IPFamily.allCases.filter { family in
            families.contains(family)
                && (nodePorts.addresses.namesLoopback(family)
                    || family == .ipv4 && nodePorts.localhost == true
                        && nodePorts.addresses.acceptsAll(family) && support != .unlessRefused)
        }
        // The socket level serves both, in every mode.
        guard nodePorts.localhost != false, socketLB.scope == .off else { return nil }
        let unserved = asked.filter { $0 == .ipv6 || support == .never }
            .map { $0 == .ipv4 ? "127.0.0.1" : "::1" }
        guard !unserved.isEmpty else { return nil }
        let reason =
            support == .never
            ? "IPVS does not forward packets from a loopback address"
            : "the kernel has no route_localnet for IPv6"
        return
            "node ports do not answer on \(unserved.joined(separator: " or ")): \(reason)"
    }
}
