import Addressing
import Dataplane
import ServiceModel
import Telemetry

extension TrafficReader.Reading {
    /// As metrics: a handful of samples for each Service port, and none where nothing is counted.
    var metrics: [MetricFamily] {
        let labels = families.sorted { $0.key < $1.key }.flatMap { family, ports in
            ports.sorted { $0.key < $1.key }.map { port, traffic in
                (labels: Self.labels(port, family), traffic: traffic)
            }
        }
        guard !labels.isEmpty else { return [] }
        func counter(
            _ name: String,
            _ help: String,
            _ value: (PortTraffic) -> UInt64?
        ) -> MetricFamily {
            let samples = labels.compactMap { labels, traffic in
                value(traffic).map { MetricFamily.Sample(labels: labels, value: Double($0)) }
            }
            return MetricFamily("fairlead_service_\(name)_total", help, .counter, samples)
        }
        let all = [
            counter("connections", "Connections that were given an endpoint.") { $0.connections },
            counter("packets", "Packets of connections to endpoints, both ways.") { $0.packets },
            counter("bytes", "Bytes of connections to endpoints, both ways.") { $0.bytes },
            refused(labels),
        ]
        return all.filter { !$0.samples.isEmpty }
    }

    private func refused(
        _ rows: [(labels: [MetricFamily.Label], traffic: PortTraffic)]
    ) -> MetricFamily {
        // Where connections are counted, refusals are not.
        let counted = rows.filter { $0.traffic.connections == nil }
        let samples = counted.flatMap { row in
            [
                ("no_endpoint", row.traffic.rejected), ("not_local", row.traffic.dropped),
                ("source_range", row.traffic.notAllowed),
            ].map { reason, count in
                MetricFamily.Sample(
                    labels: row.labels + [.init("reason", reason)],
                    value: Double(count)
                )
            }
        }
        return MetricFamily(
            "fairlead_service_refused_packets_total",
            "Packets that tried to open a connection and were refused or dropped.",
            .counter,
            samples
        )
    }

    private static func labels(
        _ port: ServicePortName,
        _ family: IPFamily
    ) -> [MetricFamily.Label] {
        [
            .init("namespace", port.service.namespace), .init("service", port.service.name),
            .init("port", port.port), .init("protocol", port.transport.keyword),
            .init("ip_family", family.rawValue),
        ]
    }
}
