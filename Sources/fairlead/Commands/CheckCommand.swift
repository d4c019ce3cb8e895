import Addressing
import ArgumentParser
import DaemonConfiguration
import DataplaneModel
import LinuxKernel
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
        let configuration = try options.loadWithMode()
        var findings = [
            KernelCapabilities.Finding(
                .good,
                "configuration",
                options.config ?? "defaults or \(ConfigurationOptions.defaultPath)"
            )
        ]
        findings += Self.manifests(configuration)
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
        guard !update.snapshot.issues.isEmpty else {
            return [
                .init(.good, "manifests", "\(path): \(update.snapshot.services.count) Services")
            ]
        }
        return update.snapshot.issues.map { .init(.failure, "manifests", "\($0)") }
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
