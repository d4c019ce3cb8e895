import ArgumentParser
import NIOHTTP1

struct ConfirmCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "confirm",
        abstract: "Tell the daemon that the removals it holds back are meant.",
        discussion: """
            When most Services or their endpoints seem to go at once, the daemon keeps what it has \
            and says so in its log, its status and its metrics. This lets go of it.
            """
    )

    @OptionGroup var options: DaemonOptions

    func run() async throws {
        let answer = try await options.ask("/confirm", method: .POST)
        print(String(decoding: answer, as: UTF8.self), terminator: "")
    }
}
