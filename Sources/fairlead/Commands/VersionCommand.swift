import ArgumentParser
import Telemetry

struct VersionCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "version",
        abstract: "Print the version."
    )

    func run() {
        StandardOutput.print("fairlead \(Version.text)")
    }
}
