package import Addressing
package import Planning
import PrintableText
import ServiceModel

/// What `fairlead verify` found, as text and JSON.
package struct VerifyReport {
    private let rows: [Row]
    private let services: Int

    /// One object, as JSON has it.
    fileprivate struct Row: Encodable {
        var family: String
        /// `service`, `everybody`, `nobody` or `otherMode`.
        var owner: String
        var services: [String]
        /// The Service port, where the object belongs to one alone.
        var port: String?
        var kind: String
        var object: String
        var state: String

        /// The heading in text.
        var heading: String {
            switch owner {
            case "everybody": "what all Services need"
            case "nobody": "no Service: left over"
            case "otherMode": "another mode: left over, and may win over what is wanted"
            default:
                services.prefix(3).joined(separator: ", ")
                    + (services.count > 3 ? " and \(services.count - 3) more" : "")
            }
        }
    }

    /// `services` is how many were looked at.
    package init(_ found: [(family: IPFamily, difference: ObjectDifference)], services: Int) {
        self.services = services
        rows = found.map { Row($0, $1) }
    }

    package var isEqual: Bool { rows.isEmpty }
}

extension VerifyReport.Row {
    fileprivate init(_ family: IPFamily, _ difference: ObjectDifference) {
        self.family = family.rawValue
        services = difference.services.map(\.description)
        kind = difference.kind.rawValue
        object = difference.name
        state = difference.state.rawValue
        switch difference.owner {
        case .services(_, let port):
            owner = "service"
            self.port = port.map { "\($0)/\($0.transport.keyword)" }
        case .allServices: owner = "everybody"
        case .noService: owner = "nobody"
        case .otherMode: owner = "otherMode"
        }
    }
}

extension VerifyReport: Encodable {
    private enum Key: String, CodingKey {
        case equal
        case services
        case differences
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        try container.encode(isEqual, forKey: .equal)
        try container.encode(services, forKey: .services)
        try container.encode(rows, forKey: .differences)
    }
}

extension VerifyReport: CustomStringConvertible {
    /// How many objects of one owner are shown.
    private static let shown = 20

    /// A paragraph for each owner: Services by name, then what all need, then what is left over.
    package var description: String {
        guard !isEqual else {
            return "\(counted(services, "Service")): the kernel holds what is wanted\n"
        }
        var text = ""
        let groups = Dictionary(grouping: rows, by: \.heading)
        let order = groups.keys.sorted { left, right in
            (rank(groups[left]), left) < (rank(groups[right]), right)
        }
        for heading in order {
            let rows = groups[heading] ?? []
            text += heading + "\n"
            for row in rows.prefix(Self.shown) {
                text += "  \(row.family)  \(row.state) \(row.kind): \(row.object)\n"
            }
            if rows.count > Self.shown {
                text += "  … and \(rows.count - Self.shown) more; --output json has all\n"
            }
        }
        let differing = Set(rows.flatMap(\.services)).count
        return text + "\(differing) of \(counted(services, "Service")) differ, in "
            + "\(counted(rows.count, "object"))\n"
    }

    private func rank(_ rows: [Row]?) -> Int {
        switch rows?.first?.owner {
        case "service": 0
        case "everybody": 1
        case "otherMode": 2
        default: 3
        }
    }
}
