import ArgumentParser
import NIOHTTP1

struct ConfirmCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "confirm",
        abstract: "Release the Services that the removal guard holds.",
        discussion: """
            When most Services or their endpoints go missing at once without having been deleted, \
            the daemon holds them and reports that in log, status and metrics. This command \
            confirms that they are gone.
            """
    )

    @OptionGroup var options: DaemonOptions

    func run() async throws {
        let answer = try await options.ask("/confirm", method: .POST)
        StandardOutput.print(String(decoding: answer, as: UTF8.self), terminator: "")
    }
}
