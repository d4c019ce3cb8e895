import Addressing
import DaemonConfiguration
import Dataplane
import Foundation
package import Planning
import ServiceModel

/// One directory of golden files: manifests, what is planned from them, and where packets must go.
///
///     input.yaml          the Services
///     config.yaml         the daemon's configuration, if not the usual one
///     iptables.plan       the plan as `fairlead plan` prints it, as a difference to the mode's
///                         skeleton (see `SkeletonDifference`); so are ipvs.plan and nftables.plan
///     socket.plan         the plan of the socket level, with TCP and UDP
///     flows.txt           where packets must go, written by hand
///     issues.txt          what is reported about the input, if anything is
///     issues.ipvs.txt     the same for one mode, where that differs
///     02-NAME.yaml        the Services after a change; then 03- and so on
///     02-NAME.ipvs.diff   the operations that brings, as `fairlead plan --diff` prints them
///     02-NAME.socket.diff the same of the socket level
///     02-NAME.flows.txt   where packets must go then, if that is worth a look
package struct GoldenScenario: Sendable, CustomStringConvertible {
    package let directory: String

    package var name: String { String(directory.split(separator: "/").last ?? "") }
    package var description: String { name }
    /// The directory of all scenarios.
    package var collection: String { String(directory.dropLast(name.count + 1)) }

    package init(directory: String) {
        self.directory = directory
    }

    /// All scenarios below a directory, by name.
    package static func all(in directory: String) -> [GoldenScenario] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
        return names.filter { $0 != GoldenSkeleton.folder }.sorted().map {
            GoldenScenario(directory: "\(directory)/\($0)")
        }
    }

    package func text(_ file: String) -> String? {
        FileManager.default.contents(atPath: "\(directory)/\(file)")
            .map { String(decoding: $0, as: UTF8.self) }
    }

    package var files: Set<String> {
        Set((try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? [])
    }

    /// Names of the changes, in order: `02-NAME`.
    package var transitions: [String] {
        files.filter { $0.hasSuffix(".yaml") && $0.first?.isNumber == true }
            .map { String($0.dropLast(".yaml".count)) }
            .sorted()
    }

    // MARK: - The node

    /// The node all scenarios play on.
    package static let facts = NodeFacts(
        hostName: "node-a",
        localAddresses: [
            "192.0.2.1", "2001:db8::1", "10.180.0.1", "fd00:180::1", "127.0.0.1", "::1",
        ]
        .compactMap { IPAddress($0) },
        primaryAddresses: ["192.0.2.1", "2001:db8::1"].compactMap { IPAddress($0) }
    )

    package func settings() throws -> PlannerSettings {
        guard let text = text("config.yaml") else { return Self.usualSettings() }
        return Self.settings(try DaemonConfiguration(text: text, file: "config.yaml"))
    }

    /// Those of a scenario without a config.yaml.
    package static func usualSettings() -> PlannerSettings {
        var configuration = DaemonConfiguration()
        let pods = ["10.180.0.0/16", "fd00:180::/48"].compactMap { IPPrefix($0) }
        configuration.detectLocal.clusterCIDRs = pods
        return settings(configuration)
    }

    private static func settings(_ configuration: DaemonConfiguration) -> PlannerSettings {
        var configuration = configuration
        if configuration.node.zone == nil { configuration.node.zone = "zone-1" }
        return PlannerSettings(configuration, facts: facts)
    }
}
