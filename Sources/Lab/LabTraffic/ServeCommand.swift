import Addressing
package import ArgumentParser
import Glibc
import SystemCalls
import SystemPackage

/// Answers on TCP and UDP with its name and the client's address.
package struct ServeCommand: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Answer connections with `NAME CLIENT-ADDRESS`, and echo the lines that follow."
    )

    @Option(help: "The name to answer with.")
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
        let socket = try OwnedDescriptor(endpoint.socket.address.family, endpoint.transport)
        socket.setOption(SOL_SOCKET, SO_REUSEADDR, 1)
        do throws(Errno) {
            try socket.bind(to: endpoint.socket.address, endpoint.socket.port.value)
        } catch {
            throw ValidationError("cannot listen on \(endpoint.socket): \(error)")
        }
        if endpoint.transport == .tcp, Glibc.listen(socket.number, 1024) != 0 { throw Errno.last }
        roles[socket.release()] = endpoint.transport == .tcp ? .listener : .datagrams
    }

    mutating func run() throws {
        while true {
            var waiting = roles.keys.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
            guard unsafe poll(&waiting, nfds_t(waiting.count), -1) >= 0 || errno == EINTR else {
                throw Errno.last
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
        unsafe withPeer { peer, size in
            let connection = unsafe Glibc.accept(listener, peer, size)
            guard connection >= 0 else { return }
            roles[connection] = .connection
            let line = unsafe greeting(peer)
            _ = unsafe write(connection, line, line.count)
        }
    }

    private func answer(_ number: Int32) {
        var buffer = [UInt8](repeating: 0, count: 2048)
        unsafe withPeer { peer, size in
            guard unsafe recvfrom(number, &buffer, buffer.count, 0, peer, size) >= 0 else { return }
            let line = unsafe greeting(peer)
            _ = unsafe sendto(number, line, line.count, 0, peer, size.pointee)
        }
    }

    private mutating func echo(_ connection: Int32) {
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = unsafe read(connection, &buffer, buffer.count)
        if count > 0, unsafe write(connection, buffer, count) == count { return }
        roles[connection] = nil
        close(connection)
    }

    private func greeting(_ peer: UnsafePointer<sockaddr>) -> [UInt8] {
        Array("\(name) \(unsafe SystemAddress.ip(peer).map { "\($0)" } ?? "unknown")\n".utf8)
    }
}

/// Room for the address of a peer, good until `body` returns.
private func withPeer(
    _ body: (UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> Void
) {
    var storage = sockaddr_storage()
    var size = socklen_t(MemoryLayout<sockaddr_storage>.size)
    unsafe withUnsafeMutablePointer(to: &storage) { pointer in
        // sockaddr_storage is aligned for the address of every family.
        unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe body($0, &size) }
    }
}
