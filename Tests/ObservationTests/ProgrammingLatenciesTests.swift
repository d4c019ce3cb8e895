import Foundation
import KubernetesAPI
import Testing

@testable import fairlead

@Suite("Programming latencies")
struct ProgrammingLatenciesTests {
    @Test("From the change in the cluster to the end of the pass, each once, never negative")
    func latencies() {
        var latencies = ProgrammingLatencies()
        latencies.add([
            APITime(seconds: 1000, nanoseconds: 500_000_000), APITime(seconds: 1003),
        ])
        // A clock behind the cluster's.
        latencies.add([APITime(seconds: 2000)])
        #expect(latencies.take(at: Date(timeIntervalSince1970: 1004)) == [3.5, 1, 0])
        #expect(latencies.take(at: Date(timeIntervalSince1970: 1005)) == [])
    }
}
