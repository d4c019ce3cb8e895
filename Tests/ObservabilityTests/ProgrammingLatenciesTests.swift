import Addressing
import Foundation
import KubernetesAPI
import Testing

@testable import Observability

@Suite("Programming latencies")
struct ProgrammingLatenciesTests {
    private func trigger(_ family: IPFamily, _ seconds: Int64, _ nanoseconds: Int32 = 0)
        -> EndpointTrigger
    {
        EndpointTrigger(
            family: family,
            time: APITime(seconds: seconds, nanoseconds: nanoseconds)
        )
    }

    @Test("From the change in the cluster to the end of the pass, each once, never negative")
    func latencies() {
        var latencies = ProgrammingLatencies()
        latencies.add([trigger(.ipv4, 1000, 500_000_000), trigger(.ipv4, 1003)])
        // A clock behind the cluster's.
        latencies.add([trigger(.ipv4, 2000)])
        #expect(latencies.take(.ipv4, at: Date(timeIntervalSince1970: 1004)) == [3.5, 1, 0])
        #expect(latencies.take(.ipv4, at: Date(timeIntervalSince1970: 1005)) == [])
    }

    @Test("Of a family that no pass programs, the latest changes are kept and no others")
    func bounded() {
        var latencies = ProgrammingLatencies()
        for batch in 0..<1000 {
            latencies.add((0..<100).map { trigger(.ipv6, Int64(batch * 100 + $0)) })
            latencies.add([trigger(.ipv4, 1000)])
            #expect(latencies.take(.ipv4, at: Date(timeIntervalSince1970: 1004)) == [4])
            #expect(latencies.count <= ProgrammingLatencies.limit)
        }
        let kept = latencies.take(.ipv6, at: Date(timeIntervalSince1970: 100_000))
        #expect(kept.count == ProgrammingLatencies.limit)
        #expect(kept.first == Double(ProgrammingLatencies.limit) && kept.last == 1)
    }

    @Test("A change counts for its own family, when that is programmed, and not for the other")
    func families() {
        var latencies = ProgrammingLatencies()
        latencies.add([trigger(.ipv4, 1000), trigger(.ipv6, 1001)])
        let now = Date(timeIntervalSince1970: 1004)
        #expect(latencies.take(.ipv6, at: now) == [3])
        // The other family failed meanwhile.
        #expect(latencies.take(.ipv4, at: now + 6) == [10])
        latencies.add([trigger(.ipv4, 1000), trigger(.ipv6, 1001)])
        latencies.keep([.ipv4])
        #expect(latencies.take(.ipv6, at: now) == [])
        #expect(latencies.take(.ipv4, at: now) == [4])
    }
}
