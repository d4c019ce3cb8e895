import Addressing
import DaemonConfiguration
import DataplaneModel
import Planning
import ServiceModel
import Synchronization
import Testing

@testable import Dataplane

/// How one pass treats its families, with a kernel that does as it is told.
@Suite("Passes over families")
struct DataplaneTests {
    /// What the kernel of one family is to do, and what was asked of it.
    private final class Kernel: Sendable {
        struct Content {
            var drifted = false
            var error: DataplaneError?
            var failures: [DataplaneError] = []
            /// Of the host, after a pass.
            var finishFailure: String?
            var retireFailure: DataplaneError?
            var leftovers = 0
            var observations = 0
            var retirements = 0
        }

        let family: IPFamily
        private let content = Mutex(Content())

        init(_ family: IPFamily) { self.family = family }

        func with<Result: Sendable>(_ body: (inout Content) -> Result) -> Result {
            content.withLock { body(&$0) }
        }
    }

    private struct FakeDataplane: FamilyDataplane {
        let kernel: Kernel
        var family: IPFamily { kernel.family }
        var serviceCount: Int { 0 }
        var issues: [PlanIssue] { [] }
        var failures: [DataplaneError] { kernel.with { $0.failures } }
        var isInSync = false
        var stands: Bool { isInSync && failures.allSatisfy { $0.scope == .object } }
        var needsObservation: Bool { !isInSync || !failures.isEmpty }
        var tally: ServiceTally { ServiceTally() }
        var ruleCounts: [TableName: Int] { [:] }
        var appliedText: String { "" }
        var isExplaining = false
        var needsSecondLook: Bool { false }

        mutating func pass(
            _ update: SnapshotUpdate,
            observe: Bool
        ) throws(DataplaneError) -> FamilyPassReport {
            let error = kernel.with { kernel in
                if observe { kernel.observations += 1 }
                return kernel.error
            }
            isInSync = error == nil
            if let error { throw error }
            kernel.with { $0.drifted = false }
            return FamilyPassReport()
        }

        mutating func takeFlowRequest(cleans: Bool) -> ConntrackCleaner.Request? { nil }
        func finish() -> String? { kernel.with { $0.finishFailure } }
        func hasDrifted() throws(DataplaneError) -> Bool { kernel.with { $0.drifted } }
        mutating func acknowledge() throws(DataplaneError) {}
        mutating func attend() throws(DataplaneError) {}
        mutating func replan(_ settings: PlannerSettings) { isInSync = false }
    }

    private struct FakeLeftovers: ModeLeftovers {
        let kernel: Kernel
        var family: IPFamily { kernel.family }

        func find() throws(DataplaneError) -> [ObjectDifference] {
            (0..<kernel.with { $0.leftovers }).map { number in
                ObjectDifference(
                    kind: .chain,
                    name: "nat OLD-\(number)",
                    state: .unexpected,
                    owner: .otherMode
                )
            }
        }

        func retire() throws(DataplaneError) -> ApplyReport {
            let (removed, failure) = kernel.with { kernel in
                kernel.retirements += 1
                let failure = kernel.retireFailure
                let removed = failure == nil ? kernel.leftovers : 0
                kernel.leftovers -= removed
                return (removed, failure)
            }
            if let failure { throw failure }
            return ApplyReport(operations: removed)
        }

        func attend() throws(DataplaneError) {}
    }

    private let ipv4 = Kernel(.ipv4)
    private let ipv6 = Kernel(.ipv6)

    private func dataplane() -> Dataplane {
        Dataplane(
            DaemonConfiguration(),
            dataplanes: [FakeDataplane(kernel: ipv4), FakeDataplane(kernel: ipv6)],
            retirements: [
                Retirement(FakeLeftovers(kernel: ipv4)), Retirement(FakeLeftovers(kernel: ipv6)),
            ]
        )
    }

    private let nothing = SnapshotUpdate(snapshot: ServiceSnapshot(), changed: .some([]))

    private func error(
        _ subject: String,
        scope: DataplaneError.Scope = .object
    ) -> DataplaneError {
        var error = DataplaneError(
            kind: .other,
            operation: "test",
            subject: subject,
            errno: 30,
            message: "read-only"
        )
        error.scope = scope
        return error
    }

    @Test("A sysctl or an object that cannot be set does not keep another mode's objects there")
    func objectsDoNotBlock() async {
        let dataplane = dataplane()
        for kernel in [ipv4, ipv6] { kernel.with { $0.leftovers = 2 } }
        ipv4.with {
            $0.finishFailure = "route_localnet: read-only"
            $0.failures = [error("10.96.0.1:80/tcp")]
        }
        let report = await dataplane.pass(nothing, .full)
        #expect(report.retired == 4)
        #expect(report.leftovers == [])
        #expect(report.failures.contains("route_localnet: read-only"))
        #expect(report.outcome == .incomplete)
    }

    @Test("A family that is not programmed keeps the other mode's objects, the other does not")
    func families() async {
        let dataplane = dataplane()
        for kernel in [ipv4, ipv6] { kernel.with { $0.leftovers = 2 } }
        ipv6.with { $0.error = error("IPv6 nat") }
        let failed = await dataplane.pass(nothing, .full)
        #expect(failed.retired == 2)
        #expect(ipv4.with { $0.leftovers } == 0)
        #expect(ipv6.with { $0.retirements } == 0)
        #expect(
            failed.leftovers
                == ["IPv6: 2 × chain: needed until the mode in use has programmed IPv6"]
        )
        ipv6.with {
            $0.error = nil
            $0.failures = [error("set", scope: .family)]
        }
        let partly = await dataplane.pass(nothing, .full)
        #expect(ipv6.with { $0.retirements } == 0)
        #expect(partly.leftovers == failed.leftovers)
        ipv6.with { $0.failures = [] }
        let done = await dataplane.pass(nothing, .full)
        #expect(done.retired == 2)
        #expect(done.leftovers == [])
        #expect(ipv4.with { $0.retirements } == 1)
    }

    @Test("A removal that failed is named and tried again, and changes do not try it each time")
    func retried() async {
        let dataplane = dataplane()
        ipv4.with {
            $0.leftovers = 1
            $0.retireFailure = error("fairlead")
        }
        let first = await dataplane.pass(nothing, .full)
        let reason = "removal failed: fairlead: test failed: read-only (errno 30)"
        #expect(first.leftovers == ["IPv4: chain nat OLD-0: \(reason)"])
        #expect(first.succeeded)
        #expect(first.outcome == .incomplete)
        let change = await dataplane.pass(nothing, .incremental)
        #expect(change.leftovers == first.leftovers)
        #expect(ipv4.with { $0.retirements } == 1)
        ipv4.with { $0.retireFailure = nil }
        let second = await dataplane.pass(nothing, .full)
        #expect(second.leftovers == [])
        #expect(second.retired == 1)
        #expect(second.outcome == .succeeded)
    }

    @Test("Only the family that somebody changed is read again")
    func drift() async throws {
        let dataplane = dataplane()
        _ = await dataplane.pass(nothing, .full)
        #expect(try await !dataplane.hasDrifted())
        let before = [ipv4, ipv6].map { $0.with { $0.observations } }
        #expect(before == [1, 1])
        ipv6.with { $0.drifted = true }
        #expect(try await dataplane.hasDrifted())
        _ = await dataplane.pass(nothing, .full)
        #expect([ipv4, ipv6].map { $0.with { $0.observations } } == [1, 2])
        #expect(try await !dataplane.hasDrifted())
    }

    @Test("A family whose repair failed is read until it succeeds, the other is not")
    func failedRepair() async throws {
        let dataplane = dataplane()
        _ = await dataplane.pass(nothing, .full)
        ipv6.with {
            $0.drifted = true
            $0.error = error("IPv6 nat")
        }
        #expect(try await dataplane.hasDrifted())
        for _ in 0..<2 { _ = await dataplane.pass(nothing, .full) }
        ipv6.with { $0.error = nil }
        _ = await dataplane.pass(nothing, .full)
        #expect([ipv4, ipv6].map { $0.with { $0.observations } } == [1, 4])
    }
}
