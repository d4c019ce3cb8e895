import Addressing
package import ArgumentParser
import Glibc
import SystemCalls

/// Makes the connections that its input asks for, many at a time.
package struct BatchCommand: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "batch",
        abstract: "Read lines of COUNT MILLISECONDS ENDPOINT, and make those connections.",
        discussion: """
            The milliseconds are how long to wait for each answer. A line of output is the number \
            of the line read, from 0, and the outcome of one connection.
            """
    )

    @Option(help: "How many at a time.")
    var width = 64

    @Option(help: "The first source port; each connection has its own.")
    var firstPort: UInt16 = PortCycle.range.lowerBound

    @Option(help: "A directory of cgroup v2 to make them in.")
    var cgroup: String?

    package init() {}

    package func run() throws {
        if let cgroup {
            // 0 is the process that writes.
            try WholeFile.write(Array("0".utf8), to: "\(cgroup)/cgroup.procs")
        }
        var attempts: [Attempt] = []
        var lines: [Int] = []
        var number = 0
        while let line = readLine() {
            let words = line.split(separator: " ")
            guard words.count == 3, let count = Int(words[0]), count > 0,
                let timeout = Int32(words[1]), let endpoint = Endpoint(argument: String(words[2]))
            else { throw ValidationError("\(line): is not COUNT MILLISECONDS ENDPOINT") }
            let attempt = Attempt(endpoint, timeout: timeout)
            attempts += [Attempt](repeating: attempt, count: count)
            lines += [Int](repeating: number, count: count)
            number += 1
        }
        AttemptPool(width: width, firstPort: firstPort).run(attempts) { index, outcome in
            print(lines[index], outcome)
        }
    }
}
