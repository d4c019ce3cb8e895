import Addressing
package import ArgumentParser
import Glibc

/// Keeps one TCP connection open: every line it reads goes there, and what comes back is printed.
package struct HoldCommand: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "hold",
        abstract: "Keep a TCP connection and send the lines of standard input over it."
    )

    @Argument(help: "Where to: 10.0.0.1:80/tcp")
    var endpoint: Endpoint

    package init() {}

    package func run() throws {
        let socket = try Socket(endpoint.socket.address.family, .tcp)
        let error = socket.connect(to: endpoint.socket)
        guard error == 0 else {
            print(unsafe "lost: \(String(cString: strerror(error)))")
            throw ExitCode(1)
        }
        try printAnswer(socket)
        while let line = readLine(strippingNewline: false) {
            let bytes = Array(line.utf8)
            guard unsafe write(socket.number, bytes, bytes.count) == bytes.count else {
                throw SystemFailure("write")
            }
            try printAnswer(socket)
        }
    }

    private func printAnswer(_ socket: borrowing Socket) throws {
        var buffer = [UInt8](repeating: 0, count: 4096)
        let isThere = socket.wait(for: POLLIN, milliseconds: 5000)
        let count = unsafe isThere ? read(socket.number, &buffer, buffer.count) : 0
        guard count > 0 else {
            print("lost: no answer")
            throw ExitCode(1)
        }
        print(String(decoding: buffer[..<count], as: UTF8.self), terminator: "")
        fflush(nil)
    }
}
