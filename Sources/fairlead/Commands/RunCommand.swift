import ArgumentParser
import DaemonConfiguration
import Dataplane
import DataplaneModel

struct RunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Keep the kernel at the plan, for ever.",
        discussion: """
            Follows the manifests and its configuration file as they change, and repairs what \
            somebody else flushes or edits. SIGHUP reads everything again. On SIGTERM it ends and \
            the rules stay; see `fairlead cleanup`. Under systemd it reports readiness and feeds \
            the watchdog.

            \(KubeProxyOptions.help)
            """
    )

    @OptionGroup var options: ConfigurationOptions

    func run() async throws {
        do {
            let watch = options.path.map { ConfigurationWatch(path: $0) }
            var daemon = try Daemon(watch) { [options] in try options.loaded() }
            try await daemon.run()
        } catch let error as DataplaneError {
            throw CommandFailure(error.advice)
        }
    }
}
