import Addressing
import Foundation
import Glibc
import HTTPServing
import Synchronization
import Testing

/// A server on a Unix socket of its own, and a client that writes what it likes.
final class ServerFixture: Sendable {
    let directory: String
    let path: String
    let server: HTTPServer
    let listeners: HTTPListeners

    init(_ limits: HTTPServer.Limits = .patient, _ answer: @escaping HTTPAnswer) async {
        directory =
            "\(FileManager.default.temporaryDirectory.path)/fairlead-http-\(getpid())-\(UInt32.random(in: 0 ... .max))"
        path = "\(directory)/socket"
        server = HTTPServer(limits: limits)
        listeners = HTTPListeners(server)
        await listeners.update([.init("test", .unix(path)): answer])
    }

    deinit {
        unlink(path)
        rmdir(directory)
    }

    /// Connects; nil if nothing is listening.
    static func connect(_ path: String) -> Int32? {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(path.utf8)) }
        let status = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard status == 0 else {
            close(descriptor)
            return nil
        }
        return descriptor
    }

    /// What comes back on a connection until it is closed.
    static func exchange(_ path: String, _ text: String) -> String {
        guard let descriptor = connect(path) else { return "not connected" }
        defer { close(descriptor) }
        let bytes = Array(text.utf8)
        _ = send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL))
        var answer: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = recv(descriptor, &chunk, chunk.count, 0)
            guard count > 0 else { return String(decoding: answer, as: UTF8.self) }
            answer += chunk[..<count]
        }
    }

    /// The same, off the test's thread.
    func exchange(_ text: String) async -> String {
        let path = path
        return await withCheckedContinuation { continuation in
            Thread.detach { continuation.resume(returning: Self.exchange(path, text)) }
        }
    }
}

extension HTTPServer.Limits {
    /// For a machine where hundreds of other tests want to go on, too.
    static var patient: Self {
        var limits = Self()
        limits.receiving = .seconds(600)
        limits.idle = .seconds(600)
        limits.answering = .seconds(600)
        return limits
    }
}

/// A thread, as blocking calls do not belong on the shared ones.
private enum Thread {
    static func detach(_ body: @escaping @Sendable () -> Void) {
        final class Box {
            let body: @Sendable () -> Void
            init(_ body: @escaping @Sendable () -> Void) { self.body = body }
        }
        var thread = pthread_t()
        pthread_create(
            &thread,
            nil,
            { argument in
                guard let argument else { return nil }
                Unmanaged<Box>.fromOpaque(argument).takeRetainedValue().body()
                return nil
            },
            Unmanaged.passRetained(Box(body)).toOpaque()
        )
        pthread_detach(thread)
    }
}

@Suite("HTTP server")
struct HTTPServerTests {
    @Test("A request is read, and its answer is exact")
    func exact() async {
        let fixture = await ServerFixture { request in
            HTTPResponse(
                status: 503,
                headers: [("Content-Type", "text/plain")],
                body:
                    "\(request.method) \(request.path) \(request.query["a"] ?? "") \(request.accept)"
            )
        }
        let answer = await fixture.exchange(
            "GET /a%20b?a=1%2B1&a=2 HTTP/1.1\r\nHost: x\r\nAccept: x/y\r\nConnection: close\r\n\r\n"
        )
        #expect(
            answer == "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain\r\n"
                + "Content-Length: 16\r\nConnection: close\r\n\r\nGET /a b 1+1 x/y"
        )
    }

    @Test("HEAD gets the headers only, and a connection serves several requests")
    func keepAlive() async {
        let fixture = await ServerFixture { _ in .text("hello") }
        let answer = await fixture.exchange(
            "HEAD / HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        )
        #expect(answer.components("HTTP/1.1 200 OK") == 2)
        #expect(answer.components("Content-Length: 5") == 2)
        #expect(answer.components("hello") == 1)
    }

    @Test("Who does not finish a request, or is not answered in time, loses the connection")
    func timeouts() async {
        var limits = HTTPServer.Limits()
        limits.receiving = .milliseconds(100)
        limits.answering = .milliseconds(100)
        let fixture = await ServerFixture(limits) { _ in
            try? await Task.sleep(for: .seconds(3600))
            return .text("late")
        }
        #expect(await fixture.exchange("").isEmpty)
        #expect(await fixture.exchange("GET / HTTP/1.1\r\nHost").isEmpty)
        #expect(await fixture.exchange("GET / HTTP/1.1\r\nHost: x\r\n\r\n").isEmpty)
    }

    @Test("Invalid HTTP, and requests that are too large or too many, are rejected")
    func bounds() async {
        var limits = HTTPServer.Limits.patient
        limits.bodyBytes = 10
        let fixture = await ServerFixture(limits) { _ in .text("ok") }
        #expect(await fixture.exchange("hello\r\n\r\n").hasPrefix("HTTP/1.1 400"))
        let body = String(repeating: "x", count: 11)
        #expect(
            await fixture.exchange(
                "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\n\r\n\(body)"
            ).isEmpty
        )
        let header = String(repeating: "x", count: 200_000)
        let answer = await fixture.exchange("GET / HTTP/1.1\r\nHost: \(header)\r\n\r\n")
        #expect(!answer.hasPrefix("HTTP/1.1 200"))
    }

    @Test("At the limit a new client takes the place of the one that has waited longest")
    func connectionLimit() async throws {
        var limits = HTTPServer.Limits.patient
        limits.connections = 2
        let fixture = await ServerFixture(limits) { _ in .text("ok") }
        let held = (0..<2).compactMap { _ in ServerFixture.connect(fixture.path) }
        defer { for descriptor in held { close(descriptor) } }
        let request = "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        #expect(await fixture.exchange(request).hasSuffix("ok"))
        var byte: UInt8 = 0
        // The oldest has been closed, and the other one not.
        #expect(recv(held[0], &byte, 1, 0) == 0)
        #expect(recv(held[1], &byte, 1, Int32(MSG_DONTWAIT)) == -1 && errno == EAGAIN)
    }

    @Test("A client that waits for the daemon gives way last, and to its own kind of listener only")
    func answered() async throws {
        var limits = HTTPServer.Limits.patient
        limits.connections = 2
        let (asked, hasAsked) = AsyncStream<Void>.makeStream()
        let (released, release) = AsyncStream<Void>.makeStream()
        let slow: HTTPAnswer = { _ in
            hasAsked.yield()
            for await _ in released { break }
            return .text("slow")
        }
        let fixture = await ServerFixture(limits) { _ in .text("ok") }
        let path = "\(fixture.directory)/slow"
        await fixture.listeners.update([
            .init("test", .unix(fixture.path)): { _ in .text("ok") },
            .init("slow", kind: "pages", .unix(path)): slow,
        ])
        let request = "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        let bytes = Array(request.utf8)
        var waiting: [Int32] = []
        defer { for descriptor in waiting { close(descriptor) } }
        var questions = asked.makeAsyncIterator()
        for _ in 0..<2 {
            let descriptor = try #require(ServerFixture.connect(path))
            waiting.append(descriptor)
            #expect(send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count)
            await questions.next()
        }
        // Whoever asks elsewhere is answered, however many wait there.
        for _ in 0..<4 { #expect(await fixture.exchange(request).hasSuffix("ok")) }
        // A third one here takes the place of the first, and no other.
        let third = try #require(ServerFixture.connect(path))
        waiting.append(third)
        #expect(send(third, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count)
        await questions.next()
        var byte: UInt8 = 0
        #expect(recv(waiting[0], &byte, 1, 0) == 0)
        #expect(recv(waiting[1], &byte, 1, Int32(MSG_DONTWAIT)) == -1 && errno == EAGAIN)
        for _ in 0..<3 { release.yield() }
        #expect(recv(third, &byte, 1, 0) == 1)
        await fixture.listeners.update([.init("test", .unix(fixture.path)): { _ in .text("ok") }])
    }

    @Test("A client that sends requests and reads nothing has one response in memory")
    func unreadPipeline() async throws {
        let count = Mutex(0)
        let page = String(repeating: "x", count: 4 << 20)
        let fixture = await ServerFixture { request in
            guard request.path == "/page" else { return .text("ok") }
            count.withLock { $0 += 1 }
            return .text(page)
        }
        let idle = try #require(ServerFixture.connect(fixture.path))
        defer { close(idle) }
        let requests = [UInt8](
            String(repeating: "GET /page HTTP/1.1\r\nHost: x\r\n\r\n", count: 100).utf8
        )
        #expect(send(idle, requests, requests.count, Int32(MSG_NOSIGNAL)) == requests.count)
        // Each of these is served on the same thread, after what it found to do for the other client.
        let request = "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        while count.withLock({ $0 }) == 0 { _ = await fixture.exchange(request) }
        for _ in 0..<200 { #expect(await fixture.exchange(request).hasSuffix("ok")) }
        #expect(count.withLock { $0 } == 1)
    }

    @Test("Responses that nobody reads are bounded together, and the newest client is served")
    func unreadBytes() async throws {
        var limits = HTTPServer.Limits.patient
        limits.unreadBytes = 8 << 20
        let count = Mutex(0)
        let page = String(repeating: "x", count: 4 << 20)
        let fixture = await ServerFixture(limits) { request in
            guard request.path == "/page" else { return .text("ok") }
            count.withLock { $0 += 1 }
            return .text(page)
        }
        let request = [UInt8]("GET /page HTTP/1.1\r\nHost: x\r\n\r\n".utf8)
        var held: [Int32] = []
        defer { for descriptor in held { close(descriptor) } }
        for expected in 1...4 {
            let descriptor = try #require(ServerFixture.connect(fixture.path))
            held.append(descriptor)
            _ = send(descriptor, request, request.count, Int32(MSG_NOSIGNAL))
            while count.withLock({ $0 }) < expected {
                _ = await fixture.exchange("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            }
        }
        let answer = await fixture.exchange(
            "GET /page HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        )
        #expect(answer.hasSuffix(page))
        // The first ones lost their connections before they had read all of it.
        #expect(Self.received(held[0]) < page.utf8.count)
        #expect(Self.received(held[1]) < page.utf8.count)
    }

    /// How much comes until the other side closes.
    private static func received(_ descriptor: Int32) -> Int {
        var total = 0
        var chunk = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = recv(descriptor, &chunk, chunk.count, 0)
            guard count > 0 else { return total }
            total += count
        }
    }

    @Test("A thousand requests at once are all answered")
    func many() async {
        let count = Mutex(0)
        var limits = HTTPServer.Limits.patient
        limits.connections = 2000
        let fixture = await ServerFixture(limits) { _ in
            count.withLock { $0 += 1 }
            return .text("ok")
        }
        let request = "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        let good = await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<20 {
                group.addTask {
                    for _ in 0..<50 where await !fixture.exchange(request).hasSuffix("ok") {
                        return false
                    }
                    return true
                }
            }
            return await group.allSatisfy { $0 }
        }
        #expect(good && count.withLock { $0 } == 1000)
    }

    @Test(
        "Paths are routed, other methods rejected, unknown paths answered with the available ones"
    )
    func routes() async {
        var routes = HTTPRoutes()
        routes["/a"] = { _ in .text("A") }
        routes["/b/"] = { request in .text(request.path) }
        #expect(await routes.answer(.init(path: "/a")).body == "A")
        #expect(await routes.answer(.init(path: "/b/c/d")).body == "/b/c/d")
        #expect(await routes.answer(.init(method: "POST", path: "/a")).status == 405)
        let unknown = await routes.answer(.init(path: "/c"))
        #expect(unknown.status == 404 && unknown.body.contains("/a, /b/"))
    }
}

@Suite("Listening sockets")
struct ListeningSocketTests {
    @Test("A status socket is the owner's alone, takes a dead one's place and no live one's")
    func unixSocket() async throws {
        let fixture = await ServerFixture { _ in .text("ok") }
        var status = stat()
        #expect(lstat(fixture.path, &status) == 0)
        #expect(status.st_mode & 0o777 == 0o600 && status.st_mode & S_IFMT == S_IFSOCK)
        let error = #expect(throws: ListeningError.self) {
            try ListeningSocket.open(.unix(fixture.path))
        }
        #expect(error?.description == "\(fixture.path): another daemon is listening on it")
        // As if the daemon had been killed: the file stays without a listener.
        let dead = "\(fixture.directory)/dead"
        close(try ListeningSocket.open(.unix(dead)))
        var again: Int32?
        try await eventually {
            again = try? ListeningSocket.open(.unix(dead))
            return again != nil
        }
        close(try #require(again))
        unlink(dead)
        await fixture.listeners.close()
        #expect(lstat(fixture.path, &status) != 0)
    }

    @Test("A file that is not a socket is left alone")
    func otherFile() throws {
        let path = "\(FileManager.default.temporaryDirectory.path)/fairlead-file-\(getpid())"
        close(open(path, O_CREAT | O_WRONLY, 0o600))
        defer { unlink(path) }
        #expect(throws: ListeningError.self) { try ListeningSocket.open(.unix(path)) }
        #expect(access(path, F_OK) == 0)
    }

    @Test("An address in use is reported and retried")
    func taken() async throws {
        // Below the ports that the kernel gives to clients, lest it is taken in between.
        let loopback = try #require(IPAddress("127.0.0.1"))
        var found: (PortNumber, Int32)?
        for port in (25_000..<32_000).compactMap({ PortNumber($0) }) where found == nil {
            found = (try? ListeningSocket.open(.address(loopback, port))).map { (port, $0) }
        }
        let (port, first) = try #require(found)
        let address = ListeningAddress.address(loopback, port)
        let listeners = HTTPListeners(HTTPServer())
        let name = HTTPListeners.Name("test", address)
        await listeners.update([name: { _ in .text("ok") }])
        #expect(
            await listeners.failures[name] == "bind 127.0.0.1:\(port): Address already in use"
        )
        close(first)
        try await eventually {
            await listeners.update([name: { _ in .text("ok") }])
            return await listeners.failures.isEmpty
        }
        #expect(await listeners.failures.isEmpty)
        #expect(await listeners.names == [name])
        await listeners.update([:])
        #expect(await listeners.names.isEmpty)
        var again: Int32?
        try await eventually {
            again = try? ListeningSocket.open(address)
            return again != nil
        }
        close(try #require(again))
    }

    /// Tries until it is so, for at most 30 s. A program that is being started by a test beside has
    /// copies of all sockets until its exec: what was closed here is open for a moment still.
    private func eventually(_ condition: () async -> Bool) async throws {
        for _ in 0..<3000 {
            if await condition() { return }
            try await Task.sleep(for: .milliseconds(10))
        }
    }
}

extension String {
    /// How often `part` is in it.
    fileprivate func components(_ part: String) -> Int {
        var count = 0
        var rest = self[...]
        while let range = rest.firstRange(of: part) {
            count += 1
            rest = rest[range.upperBound...]
        }
        return count
    }
}
