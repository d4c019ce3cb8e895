import HostFacts
import Testing

@Suite("The thread of the kernel's tests")
struct KernelThreadTests {
    @Test("A job sees nothing of the namespace that an earlier one entered")
    func jobs() async throws {
        try await Self.enter()
        #expect(try await Self.links().contains("left") == false)
    }

    @KernelThread
    private static func enter() throws {
        try NetworkNamespace.enterNew()
        try Program.check(["ip", "link", "add", "left", "type", "bridge"])
        #expect(try links().contains("left"))
    }

    @KernelThread
    private static func links() throws -> String { try Program.check(["ip", "-o", "link"]) }
}
