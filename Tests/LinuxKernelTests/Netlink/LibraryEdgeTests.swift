import LibraryEdge
import Testing

@Suite("The edge to libnl and libipset")
@KernelThread
struct LibraryEdgeTests {
    @Test("Refusals, interrupted dumps and overrun sockets end as errors")
    func passes() throws {
        let edge = try LibraryEdge()
        for _ in 0..<3 { try edge.pass() }
    }
}
