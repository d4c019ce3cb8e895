import DataplaneModel
import Dispatch
import Glibc
import HostFacts
import SystemCalls
import SystemPackage
import Testing

/// libdispatch starts the threads of the pool on whatever thread hands in work, and the kernel gives a new
/// thread the namespaces of the one that starts it. So a thread in another namespace must not start any.
@Suite struct ThreadOriginTests {
    @Test("A thread in another namespace starts threads in the namespace of the process")
    func plainThread() async throws {
        let threads = try await onOwnThread {
            let home = try Self.namespace()
            try NetworkNamespace.enterNew()
            return (home: home, own: try Self.namespace(), started: try Self.namespaceOfNewThread())
        }
        #expect(threads.own != threads.home)
        #expect(threads.started == threads.home)
    }

    @Test("Work handed in from another namespace runs in the namespace of the process")
    func pool() async throws {
        let (home, places) = try await onOwnThread {
            let home = try Self.namespace()
            try NetworkNamespace.enterNew()
            // Nothing else uses this pool, so that its threads have to be started.
            let group = DispatchGroup()
            let places = Places()
            for _ in 0..<64 {
                DispatchQueue.global(qos: .background).async(group: group) {
                    places.add(try? Self.namespace())
                    // It keeps this thread, so that the rest needs others.
                    usleep(10_000)
                }
            }
            group.wait()
            return (home, places.seen)
        }
        #expect(places == [home])
    }

    @Test("Back from another namespace, a thread starts threads as before")
    func back() async throws {
        let threads = try await onOwnThread {
            try NetworkNamespace.enterNew()
            let own = try Self.namespace()
            try NetworkNamespace.withNamespace("/proc/self/ns/net") { () throws(DataplaneError) in }
            return (own: own, after: try Self.namespace(), started: try Self.namespaceOfNewThread())
        }
        #expect(threads.after == threads.own)
        #expect(threads.started != threads.own)
    }

    private final class Places: @unchecked Sendable {
        // @unchecked: only touched with `lock` held.
        private let lock = DispatchSemaphore(value: 1)
        private var all: Set<String?> = []

        var seen: Set<String?> {
            lock.wait()
            defer { lock.signal() }
            return all
        }

        func add(_ place: String?) {
            lock.wait()
            all.insert(place)
            lock.signal()
        }
    }

    private static func namespace() throws -> String {
        var text = [CChar](repeating: 0, count: 64)
        let length = readlink("/proc/thread-self/ns/net", &text, text.count)
        guard length > 0 else { throw Errno(rawValue: errno) }
        return String(decoding: text.prefix(length).map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    private static func namespaceOfNewThread() throws -> String {
        final class Seen { var place: String? }
        let seen = Seen()
        var thread = pthread_t()
        let status = pthread_create(
            &thread,
            nil,
            { argument in
                guard let argument else { return nil }
                let seen = Unmanaged<Seen>.fromOpaque(argument).takeUnretainedValue()
                seen.place = try? ThreadOriginTests.namespace()
                return nil
            },
            Unmanaged.passUnretained(seen).toOpaque()
        )
        try #require(status == 0)
        pthread_join(thread, nil)
        return try #require(seen.place)
    }
}
