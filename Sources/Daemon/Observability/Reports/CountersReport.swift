package import Addressing
package import Dataplane
import DataplaneModel
import Planning
import PrintableText
package import ServiceModel

/// One Service port's numbers in one family, as in the JSON form.
package struct CountersRow: Encodable {
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

    package init(_ port: ServicePortName, _ family: IPFamily, _ counts: PortTraffic) {
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
package struct CountersReport: CustomStringConvertible {
    private let rows: [CountersRow]

    package init(_ rows: [CountersRow]) {
        self.rows = rows
    }

    package var description: String {
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
        return TextTable(lines, numbersFrom: 3).lines.map { $0 + "\n" }.joined()
    }
}
