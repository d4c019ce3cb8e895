import ArgumentParser
import Dispatch
import Glibc
import KubernetesTestServer

/// An API server with Services, until standard input ends: also when the one who started it is
/// killed. Prints its port and the bytes of all objects in protobuf and in JSON.
struct KubernetesServeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "kubernetes-serve",
        shouldDisplay: false
    )

    @Argument var size: String

    func run() throws {
        guard let workload = Workload(size) else { throw BenchFailure("\(size) is not a size") }
        let cluster = TestCluster()
        cluster.put((0..<workload.services).map { .service(workload.service($0)) })
        cluster.put(
            (0..<workload.services).map {
                .slice(workload.slice($0, members: workload.endpoints))
            }
        )
        let sizes = [ServedEncoding.protobuf, .json].map { cluster.encode($0) }
        let server = KubernetesTestServer(cluster)
        let port = try Waiting.value { try await server.start() }
        // Not print, which would wait for more in a pipe.
        let line = "\(port) \(sizes[0]) \(sizes[1])\n"
        guard write(1, line, line.utf8.count) == line.utf8.count else {
            throw BenchFailure.system("write")
        }
        close(1)
        _ = Pipe.readAll(0)
    }
}

/// For programs that have nothing else to do.
enum Waiting {
    private final class Box<Value: Sendable>: @unchecked Sendable {
        // Written before the semaphore is signalled and read after it was waited for.
        var result: Result<Value, any Error>?
    }

    /// Blocks until `work` is done.
    static func value<Value: Sendable>(
        _ work: @escaping @Sendable () async throws -> Value
    ) throws -> Value {
        let box = Box<Value>()
        let done = DispatchSemaphore(value: 0)
        Task.detached {
            do {
                box.result = .success(try await work())
            } catch {
                box.result = .failure(error)
            }
            done.signal()
        }
        done.wait()
        guard let result = box.result else { throw BenchFailure("the work gave nothing") }
        return try result.get()
    }
}
