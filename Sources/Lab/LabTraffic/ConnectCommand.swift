import Addressing
package import ArgumentParser
import Glibc

/// Makes connections one after the other and prints a line for each.
package struct ConnectCommand: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "connect",
        abstract: "Connect, and print the answer, or refused, unreachable or timeout."
    )

    @Option(
        help: "The source address.",
        transform: { text in
            guard let address = IPAddress(text) else {
                throw ValidationError("\(text) is not an address")
            }
            return address
        }
    )
    var from: IPAddress?

    @Option(help: "The source port; needs --from. (default: any)")
    var fromPort: UInt16 = 0

    @Option(help: "How many connections.")
    var count = 1

    @Option(help: "How long to wait for each answer, in milliseconds.")
    var timeout: Int32 = 2000

    @Argument(help: "Where to: 10.0.0.1:80/tcp")
    var endpoint: Endpoint

    package init() {}

    package func run() throws {
        let attempt = Attempt(endpoint, from: from, port: fromPort, timeout: timeout)
        let attempts = [Attempt](repeating: attempt, count: count)
        AttemptPool(width: 1).run(attempts) { _, outcome in
            print(outcome)
            fflush(nil)
        }
    }
}
