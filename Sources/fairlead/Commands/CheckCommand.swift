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
        if !configuration.sources.filePath.isEmpty { findings += Self.manifests(configuration) }
        findings += Self.kernel(configuration)
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

    private static func manifests(
        _ configuration: DaemonConfiguration
    ) -> [KernelCapabilities.Finding] {
        let path = configuration.sources.filePath
        let source = FileSource(
            path: path,
            serviceProxyName: configuration.sources.serviceProxyName
        )
        guard let update = source.load() else {
            return [.init(.failure, "manifests", "\(path): cannot be read")]
        }
        var findings: [KernelCapabilities.Finding] = update.snapshot.issues.map {
            .init(.failure, "manifests", "\($0)")
        }
        if findings.isEmpty {
            let count = update.snapshot.services.count
            findings.append(.init(.good, "manifests", "\(path): \(count) Services"))
        }
        return findings + plan(configuration.mode.installed, configuration, update)
    }

    /// Wishes of Services that the mode cannot fulfil, or that contradict others'.
    private static func plan<Mode: InstalledMode>(
        _ mode: Mode.Type,
        _ configuration: DaemonConfiguration,
        _ update: SnapshotUpdate
    ) -> [KernelCapabilities.Finding] {
        let plans = PlannedFamily.all(mode, configuration, update, facts: NodeFacts.observe())
        return plans.flatMap { plan in
            plan.planner.issues.map { .init(.note, "\(plan.family.rawValue) plan", "\($0)") }
        }
    }

    private static func kernel(
        _ configuration: DaemonConfiguration
    ) -> [KernelCapabilities.Finding] {
        do throws(DataplaneError) {
            _ = try Kernel(configuration)
        } catch {
            return [.init(.failure, "netns", error.advice)]
        }
        return configuration.mode.installed.capabilities(
            configuration.families ?? IPFamily.allCases,
            configuration
        )
    }
}
