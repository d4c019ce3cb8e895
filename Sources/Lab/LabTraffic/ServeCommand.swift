import Addressing
package import ArgumentParser
import Glibc

/// Answers on TCP and UDP with its own name and the client's address.
package struct ServeCommand: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Answer connections with `NAME CLIENT-ADDRESS`, and echo the lines that follow."
    )

    @Option(help: "Who to say it is.")
    var name: String

    @Argument(help: "Where to listen: 10.0.0.1:80/tcp …")
    var endpoints: [Endpoint]

    package init() {}

    package func run() throws {
        signal(SIGPIPE, SIG_IGN)
        var server = EchoServer(name: name)
        for endpoint in endpoints { try server.listen(on: endpoint) }
        print("ready")
        fflush(nil)
        try server.run()
    }
}

/// A poll loop over listening sockets and connections.
private struct EchoServer {
    private enum Role {
        case listener
        case datagrams
        case connection
    }

    let name: String
    private var roles: [Int32: Role] = [:]

    init(name: String) { self.name = name }

    mutating func listen(on endpoint: Endpoint) throws {
        let socket = try Socket(endpoint.socket.address.family, endpoint.transport)
        socket.setOption(SOL_SOCKET, SO_REUSEADDR, 1)
        try socket.bind(to: endpoint.socket.address, endpoint.socket.port.value)
        if endpoint.transport == .tcp, Glibc.listen(socket.number, 1024) != 0 {
            throw SystemFailure("listen")
        }
        roles[socket.release()] = endpoint.transport == .tcp ? .listener : .datagrams
    }

    mutating func run() throws {
        while true {
            var waiting = roles.keys.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
            guard unsafe poll(&waiting, nfds_t(waiting.count), -1) >= 0 || errno == EINTR else {
                throw SystemFailure("poll")
            }
            for ready in waiting where ready.revents != 0 { handle(ready.fd) }
        }
    }

    private mutating func handle(_ number: Int32) {
        switch roles[number] {
        case .listener: accept(number)
        case .datagrams: answer(number)
        case .connection: echo(number)
        case nil: break
        }
    }

    private mutating func accept(_ listener: Int32) {
        var peer = sockaddr_storage()
        let connection = unsafe withPeer(&peer) { unsafe Glibc.accept(listener, $0, $1) }
        guard connection >= 0 else { return }
        roles[connection] = .connection
        let line = Array("\(name) \(address(in: peer))\n".utf8)
        _ = unsafe write(connection, line, line.count)
    }

    private func answer(_ number: Int32) {
        var peer = sockaddr_storage()
        var buffer = [UInt8](repeating: 0, count: 2048)
        let count = unsafe withPeer(&peer) {
            unsafe recvfrom(number, &buffer, buffer.count, 0, $0, $1)
        }
        guard count >= 0 else { return }
        let line = Array("\(name) \(address(in: peer))\n".utf8)
        _ = unsafe withPeer(&peer) { unsafe sendto(number, line, line.count, 0, $0, $1.pointee) }
    }

    private mutating func echo(_ connection: Int32) {
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = unsafe read(connection, &buffer, buffer.count)
        if count > 0, unsafe write(connection, buffer, count) == count { return }
        roles[connection] = nil
        close(connection)
    }

    private func withPeer<Result>(
        _ peer: inout sockaddr_storage,
        _ body: (UnsafeMutablePointer<sockaddr>?, UnsafeMutablePointer<socklen_t>) -> Result
    ) -> Result {
        let isIPv4 = peer.ss_family == sa_family_t(AF_INET)
        var size = socklen_t(
            isIPv4 ? MemoryLayout<sockaddr_in>.size : MemoryLayout<sockaddr_in6>.size
        )
        if peer.ss_family == 0 { size = socklen_t(MemoryLayout<sockaddr_storage>.size) }
        return unsafe withUnsafeMutableBytes(of: &peer) { bytes in
            unsafe body(bytes.assumingMemoryBound(to: sockaddr.self).baseAddress, &size)
        }
    }
}
