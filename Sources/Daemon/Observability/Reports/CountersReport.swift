package import Addressing
package import Dataplane
import DataplaneModel
import Planning
import PrintableText
package import ServiceModel

/// The traffic of one Service port in one family.
package struct CountersRow: Encodable {
    private enum Key: String, CodingKey {
        case family
        case service
        case transport
    }

    let family: IPFamily
    let port: ServicePortName
    let traffic: PortTraffic

    package init(_ port: ServicePortName, _ family: IPFamily, _ traffic: PortTraffic) {
        (self.port, self.family, self.traffic) = (port, family, traffic)
    }

    /// One flat object.
    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        try container.encode(family.rawValue, forKey: .family)
        try container.encode("\(port)", forKey: .service)
        try container.encode(port.transport.keyword, forKey: .transport)
        try traffic.encode(to: encoder)
    }
}

/// A table for people: names to the left, numbers to the right.
package struct CountersReport: CustomStringConvertible {
    private let rows: [CountersRow]

    package init(_ rows: [CountersRow]) {
        self.rows = rows
    }

    package var description: String {
        let heading = [
            "SERVICE", "PROTOCOL", "FAMILY", "CONNECTIONS", "PACKETS", "BYTES", "REJECTED",
            "DROPPED", "NOT ALLOWED",
        ]
        let lines = rows.map { row in
            let traffic = row.traffic
            let numbers = [
                traffic.packets, traffic.bytes, traffic.rejected, traffic.dropped,
                traffic.notAllowed,
            ]
            return ["\(row.port)", row.port.transport.keyword, row.family.rawValue]
                + [traffic.connections.map(String.init) ?? "-"] + numbers.map(String.init)
        }
        return TextTable([heading] + lines, numbersFrom: 3).lines.map { $0 + "\n" }.joined()
    }
}
