import Addressing
import Dataplane
import Foundation
import ServiceModel
import Testing

@testable import Observability

@Suite("Counters")
struct CountersReportTests {
    private static func row(_ name: String, connections: UInt64?) -> CountersRow {
        var traffic = PortTraffic(connections: connections)
        (traffic.packets, traffic.bytes, traffic.rejected) = (12, 3456, 7)
        let port = ServicePortName(
            service: ServiceName(namespace: "shop", name: name),
            port: "http",
            transport: .tcp
        )
        return CountersRow(port, .ipv4, traffic)
    }

    @Test("A row is one flat object, without connections where they are not counted")
    func json() throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let text = String(
            decoding: try encoder.encode(Self.row("web", connections: nil)),
            as: UTF8.self
        )
        #expect(
            text
                == #"{"bytes":3456,"dropped":0,"family":"IPv4","notAllowed":0,"packets":12,"rejected":7,"service":"shop/web:http","transport":"tcp"}"#
        )
    }

    @Test("Numbers are aligned to the right, below their heading")
    func table() {
        let rows = [Self.row("web", connections: nil), Self.row("longer", connections: 5)]
        #expect(
            "\(CountersReport(rows))" == """
                SERVICE           PROTOCOL  FAMILY  CONNECTIONS  PACKETS  BYTES  REJECTED  DROPPED  NOT ALLOWED
                shop/web:http     tcp       IPv4              -       12   3456         7        0            0
                shop/longer:http  tcp       IPv4              5       12   3456         7        0            0

                """
        )
    }
}
