import Addressing
import ArgumentParser
import DaemonConfiguration
import DataplaneModel
import LinuxKernel
import Planning
import ProxyModes
import ServiceModel
import ServiceSources

struct CheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Say whether the configuration, the manifests and this host are fit.",
        discussion: "Programs nothing. Exit code 1 if something would keep the daemon from working."
    )

    @OptionGroup var options: ConfigurationOptions

    func run() throws {
        let loaded = try options.loaded()
        let configuration = try options.choosingMode(loaded.configuration)
        var findings = [
            KernelCapabilities.Finding(.good, "configuration", options.path ?? "no file")
        ]
        findings += loaded.warnings.map { .init(.note, "configuration", $0) }
        var nodePorts: [KernelCapabilities.NodePort] = []
        findings += Self.sources(configuration, &nodePorts)
        findings += Self.kernel(configuration, nodePorts)
        let width = findings.map(\.subject.count).max() ?? 0
        for finding in findings {
            let mark =
                switch finding.level {
                case .good: "ok  "
                case .note: "note"
                case .failure: "FAIL"
                }
            let blanks = String(repeating: " ", count: width - finding.subject.count)
            print("\(mark)  \(finding.subject)\(blanks)  \(finding.detail)")
        }
        if findings.contains(where: { $0.level == .failure }) { throw ExitCode(1) }
    }

    /// What is in manifests and cluster, and what of it cannot be planned.
    private static func sources(
        _ configuration: DaemonConfiguration,
        _ nodePorts: inout [KernelCapabilities.NodePort]
    ) -> [KernelCapabilities.Finding] {
        let names = [
            configuration.sources.filePath,
            configuration.sources.kubernetes == nil ? "" : "the API server",
        ]
        let loaded: LoadedSources
        do {
            loaded = try LoadedSources(configuration)
        } catch {
            return [.init(.failure, "sources", "\(error)")]
        }
        let snapshot = loaded.update.snapshot
        nodePorts = snapshot.nodePorts
        var findings: [KernelCapabilities.Finding] = snapshot.issues.map {
            .init(.failure, "sources", "\($0)")
        }
        if findings.isEmpty {
            let places = names.filter { !$0.isEmpty }.joined(separator: " and ")
            findings.append(
                .init(.good, "sources", "\(places): \(snapshot.services.count) Services")
            )
        }
        return findings + plan(configuration.mode.installed, configuration, loaded)
    }

    /// Wishes of Services that the mode cannot fulfil, or that contradict others'.
    private static func plan<Mode: InstalledMode>(
        _ mode: Mode.Type,
        _ configuration: DaemonConfiguration,
        _ sources: LoadedSources
    ) -> [KernelCapabilities.Finding] {
        let plans = PlannedFamily.all(
            mode,
            configuration,
            sources.update,
            facts: sources.facts()
        )
        return plans.flatMap { plan in
            plan.planner.issues.map { .init(.note, "\(plan.family.rawValue) plan", "\($0)") }
        }
    }

    private static func kernel(
        _ configuration: DaemonConfiguration,
        _ nodePorts: [KernelCapabilities.NodePort]
    ) -> [KernelCapabilities.Finding] {
        do throws(DataplaneError) {
            _ = try Kernel(configuration)
        } catch {
            return [.init(.failure, "netns", error.advice)]
        }
        let families = configuration.families ?? IPFamily.allCases
        return configuration.mode.installed.capabilities(families, configuration)
            + KernelCapabilities.interceptions(
                families,
                nodePorts,
                ownsChain: NameScheme.owns(chain:)
            )
    }
}

extension ServiceSnapshot {
    /// Of all Services, by port.
    fileprivate var nodePorts: [KernelCapabilities.NodePort] {
        services.values.flatMap { service in
            service.ports.compactMap { port in
                port.nodePort.map { .init(port.transport, $0.value, owner: "\(service.name)") }
            }
        }
        .sorted { ($0.port, $0.owner) < ($1.port, $1.owner) }
    }
}
