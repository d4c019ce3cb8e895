import ArgumentParser
import NIOHTTP1

struct ConfirmCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "confirm",
        abstract: "Let go of the Services that the removal guard holds.",
        discussion: """
            When most Services or their endpoints are missing at once without having been deleted, \
            the daemon keeps them and says so in its log, its status and its metrics. This lets go \
            of them.
            """
    )

    @OptionGroup var options: DaemonOptions

    func run() async throws {
        let answer = try await options.ask("/confirm", method: .POST)
        print(String(decoding: answer, as: UTF8.self), terminator: "")
    }
}
