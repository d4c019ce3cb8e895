import ArgumentParser
import DataplaneModel

struct RunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Keep the kernel at the plan, for ever.",
        discussion: """
            Follows the manifests as they change, repairs what somebody else flushes or edits, and \
            reloads its configuration on SIGHUP. On SIGTERM it ends and the rules stay; see \
            `fairlead cleanup`. Under systemd it reports readiness and feeds the watchdog.
            """
    )

    @OptionGroup var options: ConfigurationOptions

    func run() async throws {
        do {
            var daemon = try Daemon { [options] in try options.load() }
            try await daemon.run()
        } catch let error as DataplaneError {
            throw CommandFailure(error.advice)
        }
    }
}
