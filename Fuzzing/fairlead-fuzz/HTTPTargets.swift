import Glibc
import HTTPServing

/// Requests to the listeners for health and metrics, and to the status socket, which is one more of them.
let httpTargets = [FuzzTarget("http", sendRequests)]

private let server = HTTPServer()

/// Pages of the kinds that there are: a fixed path, one with paths below it, and an action.
private let answer: HTTPAnswer = { request in
    precondition(!request.path.isEmpty || !request.method.isEmpty)
    var routes = HTTPRoutes()
    routes["/healthz"] = { _ in .text("ok\n") }
    routes["/status/"] = { request in .json("[\"\(request.query.count)\"]") }
    routes["/confirm"] = { _ in .text("confirmed\n") }
    routes.actions = ["/confirm"]
    return await routes.answer(request)
}

private let path = "/dev/shm/fairlead-fuzz.\(getpid()).sock"

/// Listens at the first use.
private let listener: Bool = {
    let opened = ListeningAddress.unix(path)
    guard let descriptor = try? ListeningSocket.open(opened) else { return false }
    let done = DispatchFlag()
    Task {
        _ = try await server.serve(descriptor, answer)
        done.set()
    }
    done.wait()
    return true
}()

/// One client: sends everything, ends its side, and reads until the server has ended its own. A server that
/// keeps the connection is a hang.
private func sendRequests(_ data: [UInt8]) {
    precondition(listener)
    let client = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(client) }
    var address = sockaddr_un()
    address.sun_family = UInt16(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
    let size = socklen_t(MemoryLayout<sockaddr_un>.size)
    let isConnected = withUnsafePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(client, $0, size) == 0 }
    }
    precondition(isConnected)
    // The server may have closed the connection after the first bytes.
    _ = send(client, data, data.count, Int32(MSG_NOSIGNAL))
    shutdown(client, Int32(SHUT_WR))
    var buffer = [UInt8](repeating: 0, count: 4096)
    while read(client, &buffer, buffer.count) > 0 {}
}

/// Set by one thread, waited for by another.
private final class DispatchFlag: @unchecked Sendable {
    // A semaphore of the C library is for any number of threads.
    private let semaphore = UnsafeMutablePointer<sem_t>.allocate(capacity: 1)

    init() { sem_init(semaphore, 0, 0) }

    func set() { sem_post(semaphore) }

    func wait() { while sem_wait(semaphore) != 0 {} }
}
