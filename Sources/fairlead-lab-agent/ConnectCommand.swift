import Addressing
import ArgumentParser
import Glibc

/// Makes connections one after the other and prints a line for each.
struct ConnectCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "connect",
        abstract: "Connect, and print the answer, or refused, unreachable or timeout."
    )

    @Option(help: "The source address.")
    var from: String?

    @Option(help: "The source port; needs --from. (default: any)")
    var fromPort: UInt16 = 0

    @Option(help: "How many connections.")
    var count = 1

    @Option(help: "How long to wait for each answer, in milliseconds.")
    var timeout: Int32 = 2000

    @Argument(help: "Where to: 10.0.0.1:80/tcp")
    var endpoint: Endpoint

    func run() throws {
        let source = try from.map { text in
            guard let address = IPAddress(text) else {
                throw ValidationError("--from: \(text) is no address")
            }
            return address
        }
        for _ in 0..<count {
            print(try Attempt(endpoint, from: source, port: fromPort, timeout: timeout).outcome())
            fflush(nil)
        }
    }
}

/// One connection, or one datagram and its answer.
struct Attempt {
    let endpoint: Endpoint
    let source: IPAddress?
    /// 0 for any.
    let sourcePort: UInt16
    /// In milliseconds, for each step.
    let timeout: Int32

    init(_ endpoint: Endpoint, from source: IPAddress?, port: UInt16 = 0, timeout: Int32) {
        self.endpoint = endpoint
        self.source = source
        sourcePort = port
        self.timeout = timeout
    }

    func outcome() throws -> String {
        let socket = try Socket(endpoint.socket.address.family, endpoint.transport)
        if let source { try socket.bind(to: source, sourcePort) }
        socket.setNonBlocking()
        var error = socket.connect(to: endpoint.socket)
        if error == EINPROGRESS {
            guard socket.wait(for: POLLOUT, milliseconds: timeout) else { return "timeout" }
            error = socket.error
        }
        guard error == 0 else { return Self.word(for: error) }
        if endpoint.transport == .udp {
            guard write(socket.number, "?\n", 2) == 2 else { return Self.word(for: errno) }
        }
        return answer(socket)
    }

    private func answer(_ socket: borrowing Socket) -> String {
        guard socket.wait(for: POLLIN, milliseconds: timeout) else { return "timeout" }
        var buffer = [UInt8](repeating: 0, count: 2048)
        let count = read(socket.number, &buffer, buffer.count)
        guard count > 0 else { return count == 0 ? "closed" : Self.word(for: errno) }
        return String(decoding: buffer[..<count].prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
    }

    private static func word(for error: Int32) -> String {
        switch error {
        case ECONNREFUSED: "refused"
        case ENETUNREACH, EHOSTUNREACH, EACCES: "unreachable"
        case ETIMEDOUT: "timeout"
        default: String(cString: strerror(error))
        }
    }
}
