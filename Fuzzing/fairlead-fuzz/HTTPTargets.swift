import Glibc
import HTTPServing

/// Requests to the listeners for health and metrics, and to the status socket, which is one more of them.
let httpTargets = [FuzzTarget("http", sendRequests)]

/// Pages of the kinds that there are: a fixed path, one with paths below it, and an action.
private let routes: HTTPRoutes = {
    var routes = HTTPRoutes()
    routes["/healthz"] = { _ in .text("ok\n") }
    routes["/status/"] = { request in .text("\(request.path) \(request.query.sorted { $0 < $1 })\n")
    }
    routes["/confirm"] = { _ in .text("confirmed\n") }
    routes.actions = ["/confirm"]
    return routes
}()

private let server: HTTPServer = {
    var limits = HTTPServer.Limits()
    // So that an input can exceed it.
    limits.bodyBytes = 1024
    return HTTPServer(limits: limits)
}()

private let path = "/dev/shm/fairlead-fuzz.\(getpid()).sock"

/// Opened at the first use.
private let isListening: Bool = {
    guard let descriptor = try? ListeningSocket.open(.unix(path)) else { return false }
    let done = Flag()
    Task {
        _ = try await server.serve(descriptor, kind: "fuzz", routes.answer)
        done.set()
    }
    done.wait()
    return true
}()

/// One client: sends everything, waits a moment for a response, ends its side, and reads until the server has ended
/// its own. A server that keeps the connection is a hang, and all it may send is responses.
private func sendRequests(_ data: [UInt8]) {
    precondition(isListening)
    let client = connected()
    defer { close(client) }
    // The server may have closed the connection after the first bytes.
    _ = send(client, data, data.count, Int32(MSG_NOSIGNAL))
    // Without this the end of the connection would overtake most responses.
    var readable = pollfd(fd: client, events: Int16(POLLIN), revents: 0)
    poll(&readable, 1, 1)
    shutdown(client, Int32(SHUT_WR))
    var answer: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 4096)
    while true {
        let count = read(client, &buffer, buffer.count)
        guard count > 0 else { break }
        if answer.count < 8 { answer += buffer[..<count] }
    }
    precondition(answer.isEmpty || answer.starts(with: Array("HTTP/".utf8)), "no response")
}

private func connected() -> Int32 {
    let client = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_un()
    address.sun_family = UInt16(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
    let size = socklen_t(MemoryLayout<sockaddr_un>.size)
    let isConnected = withUnsafePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(client, $0, size) == 0 }
    }
    precondition(isConnected, "the server takes no connection")
    return client
}

/// Set by one thread, waited for by another.
///
/// @unchecked Sendable: a semaphore of the C library is for any number of threads.
private final class Flag: @unchecked Sendable {
    private let semaphore = UnsafeMutablePointer<sem_t>.allocate(capacity: 1)

    init() { sem_init(semaphore, 0, 0) }

    deinit { semaphore.deallocate() }

    func set() { sem_post(semaphore) }

    func wait() { while sem_wait(semaphore) != 0 {} }
}
