import Addressing
package import ArgumentParser
import Glibc
import SystemPackage

/// Makes connections at a steady rate until it is ended.
package struct FlowCommand: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "flow",
        abstract: "Connect to all endpoints in turn, at a steady rate, and print each outcome.",
        discussion: """
            A line of output is the number of the endpoint, from 0, the microseconds of \
            CLOCK_MONOTONIC at which the connection began, at which its server answered (0 if it \
            did not) and at which it ended, and the outcome. A long connection has its lines \
            echoed meanwhile; its outcome is lost if one does not come back.
            """
    )

    @Option(help: "Connections a second.")
    var rate = 20

    @Option(help: "How long to wait for each answer, in milliseconds.")
    var timeout: Int32 = 4000

    @Option(help: "Of so many connections one is long, if it is TCP.")
    var longEvery = 17

    @Option(help: "How long a long one lasts, in seconds.")
    var longSeconds = 10

    @Option(help: "The first source port; each connection has its own.")
    var firstPort: UInt16 = PortCycle.range.lowerBound

    @Argument(help: "Where to: 10.0.0.1:80/tcp …")
    var endpoints: [Endpoint]

    package init() {}

    package func validate() throws {
        guard rate > 0, timeout > 0, longEvery > 0, !endpoints.isEmpty else {
            throw ValidationError("rate, timeout, long-every and endpoints: at least one of each")
        }
    }

    package func run() throws {
        signal(SIGPIPE, SIG_IGN)
        let interval = Duration.seconds(1) / rate
        var ports = PortCycle(first: firstPort)
        var underway: [FlowConnection] = []
        var next = ContinuousClock.now
        var number = 0
        while true {
            while next <= .now {
                let index = number % endpoints.count
                let isLong = number % longEvery == 0 && endpoints[index].transport == .tcp
                number += 1
                next += interval
                let began = FlowConnection.microseconds
                do throws(Errno) {
                    let lasting = isLong ? Duration.seconds(longSeconds) : nil
                    underway.append(
                        try FlowConnection(index, endpoints[index], timeout, lasting, &ports)
                    )
                } catch {
                    Self.report(index, began, 0, AttemptPool.outcome(error))
                }
            }
            Self.wait(for: underway, until: next)
            underway.removeAll { connection in
                guard let outcome = connection.advance() else { return false }
                Self.report(connection.index, connection.began, connection.answered, outcome)
                return true
            }
        }
    }

    private static func report(_ index: Int, _ began: Int, _ answered: Int, _ outcome: String) {
        print(index, began, answered, FlowConnection.microseconds, outcome)
        fflush(nil)
    }

    private static func wait(for connections: [FlowConnection], until next: ContinuousClock.Instant)
    {
        let first = connections.map(\.wakeUp).reduce(next, min)
        var waiting = connections.map { pollfd(fd: $0.number, events: $0.events, revents: 0) }
        let left = (first - .now) / Duration.milliseconds(1)
        _ = unsafe poll(&waiting, nfds_t(waiting.count), Int32(max(0, left.rounded(.up))))
    }
}
