import KubernetesClient
import KubernetesTestServer
import Logging

/// A source that is stopped when `body` ends; its clock and its patience are those of tests.
func withSource(
    _ servers: [ServerAddress],
    speed: Int = 1,
    settings change: (inout KubernetesSource.Settings) -> Void = { _ in },
    following: ReflectorSettings = ReflectorSettings(),
    _ body: (KubernetesSource) async throws -> Void
) async throws {
    var settings = KubernetesSource.Settings(logger: .silent)
    settings.nodeName = "node-a"
    settings.qps = 1_000_000
    settings.burst = 1_000_000
    change(&settings)
    let source = try KubernetesSource(
        settings,
        access: ClusterAccess(servers: servers),
        following: following,
        time: Timebase(speed: speed)
    )
    do {
        try await body(source)
    } catch {
        await source.stop()
        throw error
    }
    await source.stop()
}

/// Waits for the condition, for at least a minute; false if it did not become true.
func eventually(_ condition: () async throws -> Bool) async rethrows -> Bool {
    for _ in 0..<30_000 {
        if try await condition() { return true }
        // Cancellation only shortens the waits: the condition decides.
        try? await Task.sleep(for: .milliseconds(2))
    }
    return false
}
