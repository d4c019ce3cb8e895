import Addressing
import ArgumentParser
import DaemonConfiguration
import Dataplane
import DataplaneModel
import HostChecks
import InstalledModes
import Planning
import PrintableText
import ProxyModes
import Running
import ServiceModel
import ServiceSources

struct CheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Check configuration, sources and this host.",
        discussion: "Changes nothing. Exit code 1 if the daemon could not work with what was found."
    )

    @OptionGroup var options: ConfigurationOptions

    func run() throws {
        let daemon = try options.runningDaemon()
        let (loaded, place) = try Self.configuration(options, daemon)
        let configuration = try options.choosingMode(loaded.configuration)
        var findings = [KernelCapabilities.Finding(.good, "configuration", place)]
        findings += loaded.warnings.map { .init(.note, "configuration", $0) }
        findings += Self.irregular(options.path)
        let (sources, complaints) = Self.sources(configuration)
        findings += complaints
        findings += Self.kernel(configuration, sources?.update.snapshot.nodePorts ?? [])
        if let sources {
            findings += Self.obstacles(configuration.chosenMode.installed, configuration, sources)
        }
        let table = TextTable(
            findings.map { finding in
                let mark =
                    switch finding.level {
                    // As wide as the others, whatever is found.
                    case .good: "ok  "
                    case .note: "note"
                    case .failure: "FAIL"
                    }
                return [mark, finding.subject, finding.detail]
            }
        )
        // Paths of the command line are among them.
        for line in table.lines { StandardOutput.print(printableLines(line)) }
        if findings.contains(where: { $0.level == .failure }) { throw ExitCode(1) }
    }

    /// The configuration file, if there is one, else the running daemon's configuration. A file
    /// without a node name is checked with the daemon's.
    private static func configuration(
        _ options: ConfigurationOptions,
        _ daemon: RunningDaemon?
    ) throws -> (LoadedConfiguration, place: String) {
        guard let path = options.path else {
            guard let daemon else { return (try options.loaded(), "no file") }
            let loaded = LoadedConfiguration(try options.overriding(daemon))
            return (loaded, "that of the running daemon (process \(daemon.pid), \(daemon.socket))")
        }
        var loaded = try options.loaded()
        guard let name = daemon?.configuration.node.name, loaded.configuration.node.name == nil
        else { return (loaded, path) }
        loaded.configuration.node.name = name
        return (loaded, "\(path), with node.name \(name) from the running daemon")
    }

    /// What the sources hold, and findings about what cannot be read or planned.
    private static func sources(
        _ configuration: DaemonConfiguration
    ) -> (LoadedSources?, [KernelCapabilities.Finding]) {
        let names = [
            configuration.sources.filePath,
            configuration.sources.kubernetes == nil ? "" : "the API server",
        ]
        let loaded: LoadedSources
        do {
            loaded = try LoadedSources(configuration)
        } catch {
            return (nil, [.init(.failure, "sources", "\(error)")])
        }
        let snapshot = loaded.update.snapshot
        var findings: [KernelCapabilities.Finding] = snapshot.issues.map {
            .init(.failure, "sources", "\($0)")
        }
        findings += loaded.gaps.map { .init(.failure, "sources", $0) }
        if findings.isEmpty {
            let places = names.filter { !$0.isEmpty }.joined(separator: " and ")
            findings.append(
                .init(.good, "sources", "\(places): \(counted(snapshot.services.count, "Service"))")
            )
        }
        findings += snapshot.ignoredParts.map { .init(.note, "sources", $0) }
        return (loaded, findings + plan(configuration.chosenMode.installed, configuration, loaded))
    }

    /// The most obstacles shown for one family.
    private static let shownObstacles = 10

    /// Objects of other programs in the place of planned ones. Must be called in the namespace.
    private static func obstacles<Mode: InstalledMode>(
        _ mode: Mode.Type,
        _ configuration: DaemonConfiguration,
        _ sources: LoadedSources
    ) -> [KernelCapabilities.Finding] {
        var findings: [KernelCapabilities.Finding] = []
        do throws(DataplaneError) {
            let kernel = try Kernel(configuration)
            var planned = configuration
            planned.families = try kernel.families()
            for plan in PlannedFamily.all(mode, planned, sources.update, facts: sources.facts()) {
                let subject = "\(plan.family.rawValue) plan"
                let found = try mode.obstacles(plan.planner, mode.store(plan.family, kernel))
                findings += found.prefix(shownObstacles).map {
                    .init(.note, subject, "\($0.subject): \($0.message ?? "\($0)")")
                }
                if found.count > shownObstacles {
                    let rest = "and \(found.count - shownObstacles) more"
                    findings.append(.init(.note, subject, rest))
                }
            }
        } catch {
            // Missing kernel features and permissions have findings of their own.
            guard error.kind != .unsupported, error.kind != .notPermitted else { return findings }
            findings.append(.init(.note, "plan", "cannot be compared with the kernel: \(error)"))
        }
        return findings
    }

    /// Plan issues: what the mode cannot do, and conflicts between Services.
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
            return [.init("netns", refusal: error, error.advice)]
        }
        let families = configuration.families ?? IPFamily.allCases
        let limit = configuration.localhostLimit(families)
        return places(configuration)
            + configuration.chosenMode.installed.capabilities(families, configuration)
            + [limit.map { .init(.note, "node ports", $0) }].compactMap(\.self)
            + KernelCapabilities.socketLevel(families, configuration.socketLB)
            + KernelCapabilities.interceptions(
                families,
                nodePorts,
                .fairlead
            )
    }
}

extension ServiceSnapshot {
    /// Sorted by port.
    fileprivate var nodePorts: [KernelCapabilities.NodePort] {
        services.values.flatMap { service in
            service.ports.compactMap { port in
                port.nodePort.map { .init(port.transport, $0.value, owner: "\(service.name)") }
            }
        }
        .sorted { ($0.port, $0.owner) < ($1.port, $1.owner) }
    }
}
