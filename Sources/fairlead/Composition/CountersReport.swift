import Addressing
import Dataplane
import DataplaneModel
import Planning
import ServiceModel

/// One Service port's numbers in one family, as in the JSON form.
struct CountersRow: Encodable {
    var family: String
    /// `namespace/name` or `namespace/name:port`.
    var service: String
    var transport: String
    /// Nil where the mode does not count them.
    var connections: UInt64?
    var packets: UInt64
    var bytes: UInt64
    var rejected: UInt64
    var dropped: UInt64
    var notAllowed: UInt64

    init(_ port: ServicePortName, _ family: IPFamily, _ counts: PortTraffic) {
        self.family = family.rawValue
        service = port.description
        transport = port.transport.keyword
        connections = counts.connections
        packets = counts.packets
        bytes = counts.bytes
        rejected = counts.rejected
        dropped = counts.dropped
        notAllowed = counts.notAllowed
    }
}

/// A table for people: names to the left, numbers to the right.
struct CountersReport: CustomStringConvertible {
    private let rows: [CountersRow]

    init(_ rows: [CountersRow]) {
        self.rows = rows
    }

    var description: String {
        let heading = [
            "SERVICE", "PROTOCOL", "FAMILY", "CONNECTIONS", "PACKETS", "BYTES", "REJECTED",
            "DROPPED",
            "NOT ALLOWED",
        ]
        let lines =
            [heading]
            + rows.map { row in
                [row.service, row.transport, row.family, row.connections?.description ?? "-"]
                    + [row.packets, row.bytes, row.rejected, row.dropped, row.notAllowed]
                    .map(\.description)
            }
        let widths = heading.indices.map { column in lines.map { $0[column].count }.max() ?? 0 }
        return lines.map { line in
            let cells = zip(line, widths).enumerated().map { column, cell in
                let blanks = String(repeating: " ", count: cell.1 - cell.0.count)
                return column < Self.names ? cell.0 + blanks : blanks + cell.0
            }
            return cells.joined(separator: "  ") + "\n"
        }
        .joined()
    }

    /// Columns that are no numbers.
    private static let names = 3
}
