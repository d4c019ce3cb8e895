import ArgumentParser
import DaemonConfiguration
import Dataplane
import DataplaneModel
import Running
import ServiceSources
import SystemCalls

struct RunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Run the daemon.",
        discussion: """
            Watches the sources and its configuration file, and repairs objects that another \
            program changes. SIGHUP reloads the configuration and reads manifests and kernel \
            again. SIGTERM stops the daemon and leaves the rules in place; `fairlead cleanup` \
            removes them. Under systemd it reports readiness and pings the watchdog.

            \(KubeProxyOptions.help)
            """
    )

    @OptionGroup var options: ConfigurationOptions

    func validate() throws {
        if options.services == StandardInput.path {
            throw ValidationError("--services - is for commands that read once; run watches files")
        }
    }

    func run() async throws {
        try requireDescriptors()
        do {
            let path = options.path
            let watch = path.map { ConfigurationWatch(path: $0) }
            var pinned = options
            // Later, too: a file that is gone is one that cannot be read, and not defaults for everything.
            pinned.config = path
            try await Daemon(watch) { [pinned] in try pinned.loaded(regularOnly: true) }.run()
        } catch let error as DataplaneError {
            throw CommandFailure(error.advice)
        }
    }

    /// Where the threads of libraries cannot open what they wait with, they end the program without a word. The daemon
    /// has about 50 open at rest, and 100 with the socket level.
    private func requireDescriptors() throws {
        // As the unit does. A container may have a soft limit of 1024, and each health check node port takes one.
        DescriptorLimit.raise(to: 65536)
        let needed = 256
        let free = DescriptorLimit.free(upTo: needed)
        guard free < needed else { return }
        throw CommandFailure(
            "only \(free) more files can be opened, and the daemon needs \(needed): raise the limit (ulimit -n, LimitNOFILE= of its unit)"
        )
    }
}
