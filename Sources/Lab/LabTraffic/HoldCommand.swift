import Addressing
package import ArgumentParser
import Glibc
import SystemCalls
import SystemPackage

/// Keeps one TCP connection open: sends each line it reads, and prints each answer.
package struct HoldCommand: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "hold",
        abstract: "Keep a TCP connection and send the lines of standard input over it."
    )

    @Argument(help: "Where to: 10.0.0.1:80/tcp")
    var endpoint: Endpoint

    package init() {}

    package func run() throws {
        let socket = try OwnedDescriptor(endpoint.socket.address.family, .tcp)
        do throws(Errno) {
            try socket.connect(to: endpoint.socket)
        } catch {
            print("lost: \(error)")
            throw ExitCode(1)
        }
        try printAnswer(socket)
        while let line = readLine(strippingNewline: false) {
            try socket.writeAll(line.utf8)
            try printAnswer(socket)
        }
    }

    private func printAnswer(_ socket: borrowing OwnedDescriptor) throws {
        let isThere = socket.wait(for: POLLIN, milliseconds: 5000)
        guard isThere, let bytes = try? socket.read(upTo: 4096), !bytes.isEmpty else {
            print("lost: no answer")
            throw ExitCode(1)
        }
        print(String(decoding: bytes, as: UTF8.self), terminator: "")
        fflush(nil)
    }
}
