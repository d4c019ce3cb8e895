import Addressing
import DaemonConfiguration
import DataplaneModel
import Planning
import ServiceModel
import Synchronization
import Testing

@testable import Dataplane

/// How one pass treats its families, with a scripted kernel.
@Suite("Passes over families")
struct DataplaneTests {
    /// What the kernel of one family is to do, and what was asked of it.
    final class Kernel: Sendable {
        struct Content {
            var drifted = false
            /// Descriptors that can be read when it has something to say.
            var announcements: [Int32] = []
            var announcesAll = false
            var error: DataplaneError?
            var failures: [DataplaneError] = []
            /// Of the host, after a pass.
            var hostFailure: PassReport.Failure?
            var operations = 0
            var lookError: DataplaneError?
            var dueWork = 0
            var plannedWith: [PlannerSettings] = []
            var retireFailure: DataplaneError?
            var leftovers = 0
            var observations = 0
            var retirements = 0
            /// Passes, and updates that were taken in without one.
            var passes = 0
            var taken = 0
            /// Of the host, and how often it was looked at.
            var isLockHeld = false
            var lockLooks = 0
            /// Of the host: descriptors, how often it was asked what the node knows, and why it cannot say.
            var hostAnnouncements: [Int32] = []
            var factsReads = 0
            var factsError: DataplaneError?
            /// Of flows: the addresses that accepted node ports, and those that do.
            var rechecks: [[Set<IPAddress>]] = []
            var flowRequests = 0
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
        var issues: [PlanIssue] { [] }
        var failures: [DataplaneError] { kernel.with { $0.failures } }
        var isInSync = false
        var stands: Bool { isInSync && failures.allSatisfy { $0.scope == .object } }
        var needsObservation: Bool { !isInSync || !failures.isEmpty }
        var tally: ServiceTally { ServiceTally() }
        var ruleCounts: [TableName: Int] { [.nat: 7] }
        var announcements: [Int32] { kernel.with { $0.announcements } }
        var announcesAll: Bool { kernel.with { $0.announcesAll } }

        mutating func pass(
            _ update: SnapshotUpdate,
            observe: Bool,
            unless hasOther: (@Sendable () -> Bool)?,
            explain: Bool
        ) throws(DataplaneError) -> FamilyPassReport {
            let error = kernel.with { kernel in
                if observe { kernel.observations += 1 }
                kernel.passes += 1
                return kernel.error
            }
            isInSync = error == nil
            if let error { throw error }
            kernel.with { $0.drifted = false }
            var report = FamilyPassReport()
            report.isGivenUp = observe && hasOther?() == true
            report.apply.operations = kernel.with { $0.operations }
            if explain { report.operationLines = ["-A INPUT"] }
            report.hostFailure = kernel.with { $0.hostFailure }
            return report
        }

        mutating func take(_ update: SnapshotUpdate) {
            precondition(!isInSync)
            kernel.with { $0.taken += 1 }
        }

        mutating func takeFlowRequest(_ uses: FlowUses) -> FlowRequest? {
            kernel.with { $0.flowRequests += 1 }
            return nil
        }

        mutating func recheckNodePorts(from old: Set<IPAddress>, to new: Set<IPAddress>) {
            kernel.with { $0.rechecks.append([old, new]) }
        }

        func hasDrifted() throws(DataplaneError) -> Bool {
            if let error = kernel.with({ $0.lookError }) { throw error }
            return kernel.with { $0.drifted }
        }

        func performDueWork() throws(DataplaneError) {
            kernel.with { $0.dueWork += 1 }
            if let error = kernel.with({ $0.lookError }) { throw error }
        }

        mutating func replan(_ settings: PlannerSettings) {
            isInSync = false
            kernel.with { $0.plannedWith.append(settings) }
        }
    }

    /// Two families and nothing else.
    private final class FakeHost: DataplaneHost {
        let kernels: [Kernel]
        let node: Mutex<NodeFacts>
        /// Why they cannot be read.
        let failure = Mutex<DataplaneError?>(nil)

        init(_ kernels: [Kernel], _ node: NodeFacts = NodeFacts(hostName: "node-a")) {
            self.kernels = kernels
            self.node = Mutex(node)
        }

        func start(
            _ configuration: DaemonConfiguration
        ) throws(DataplaneError) -> (configuration: DaemonConfiguration, reason: String?) {
            var chosen = configuration
            chosen.mode = .ipvs
            return (chosen, "a test")
        }

        func families() throws(DataplaneError) -> [IPFamily] { kernels.map(\.family) }
        func facts() throws(DataplaneError) -> NodeFacts {
            kernels[0].with { $0.factsReads += 1 }
            if let failure = failure.withLock({ $0 }) ?? kernels[0].with({ $0.factsError }) {
                throw failure
            }
            return node.withLock { $0 }
        }
        var announcements: [Int32]? { kernels[0].with { $0.hostAnnouncements } }

        func isLockFree() -> Bool {
            kernels[0].with {
                $0.lockLooks += 1
                return !$0.isLockHeld
            }
        }

        func shortcomings(_ families: [IPFamily]) -> [String] { ["no module"] }
        func prepare(_ configuration: DaemonConfiguration) -> [String] { ["sysctl: read-only"] }

        private func kernel(_ family: IPFamily) throws(DataplaneError) -> Kernel {
            guard let kernel = kernels.first(where: { $0.family == family }) else {
                throw DataplaneError(kind: .notFound, operation: "test", subject: "", errno: 2)
            }
            return kernel
        }

        func dataplane(
            _ family: IPFamily,
            _ settings: PlannerSettings
        ) throws(DataplaneError) -> any FamilyDataplane {
            FakeDataplane(kernel: try kernel(family))
        }

        func leftovers(_ family: IPFamily) throws(DataplaneError) -> any ModeLeftovers {
            FakeLeftovers(kernel: try kernel(family))
        }

        func sockets(
            _ family: IPFamily,
            _ settings: PlannerSettings,
            _ configuration: DaemonConfiguration
        ) throws(DataplaneError) -> any SocketFamily {
            throw DataplaneError(kind: .unsupported, operation: "test", subject: "", errno: 95)
        }

        func removeSockets(_ configuration: DaemonConfiguration) throws(DataplaneError) -> Int { 0 }
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

        func performDueWork() throws(DataplaneError) { kernel.with { $0.dueWork += 1 } }
    }

    let ipv4 = Kernel(.ipv4)
    let ipv6 = Kernel(.ipv6)

    func dataplane() async throws -> Dataplane {
        let dataplane = Dataplane(
            DaemonConfiguration(),
            host: FakeHost([ipv4, ipv6]),
            flows: FakeFlows()
        )
        _ = try await dataplane.start()
        return dataplane
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
    func objectsDoNotBlock() async throws {
        let dataplane = try await dataplane()
        for kernel in [ipv4, ipv6] { kernel.with { $0.leftovers = 2 } }
        ipv4.with {
            $0.hostFailure = PassReport.Failure(
                .ipv4,
                error("route_localnet"),
                consequence: "node ports do not answer"
            )
            $0.failures = [error("10.96.0.1:80/tcp")]
        }
        let report = await dataplane.pass(nothing, .full)
        #expect(report.retired == 4)
        #expect(report.leftovers == [])
        #expect(
            report.failures.map(\.description) == [
                "IPv4: 10.96.0.1:80/tcp: test failed: read-only (errno 30)",
                "node ports do not answer: route_localnet: test failed: read-only (errno 30)",
            ]
        )
        #expect(report.outcome == .incomplete)
    }

    @Test("A family that is not programmed keeps the other mode's objects, the other does not")
    func families() async throws {
        let dataplane = try await dataplane()
        for kernel in [ipv4, ipv6] { kernel.with { $0.leftovers = 2 } }
        ipv6.with { $0.error = error("IPv6 nat") }
        let failed = await dataplane.pass(nothing, .full)
        #expect(failed.retired == 2)
        #expect(ipv4.with { $0.leftovers } == 0)
        #expect(ipv6.with { $0.retirements } == 0)
        #expect(
            failed.leftovers.map(\.description)
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
    func retried() async throws {
        let dataplane = try await dataplane()
        ipv4.with {
            $0.leftovers = 1
            $0.retireFailure = error("fairlead")
        }
        let first = await dataplane.pass(nothing, .full)
        let reason = "removal failed: fairlead: test failed: read-only (errno 30)"
        #expect(first.leftovers.map(\.description) == ["IPv4: chain nat OLD-0: \(reason)"])
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

    @Test("Only the family that another program changed is read again")
    func drift() async throws {
        let dataplane = try await dataplane()
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
        let dataplane = try await dataplane()
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

    @Test("A family that fails is left alone until the full pass, and the other goes on meanwhile")
    func deferral() async throws {
        let dataplane = try await dataplane()
        ipv6.with { $0.error = error("IPv6 nat") }
        #expect(await dataplane.pass(nothing, .full).outcome == .failed(.backingOff, partly: true))
        ipv6.with { $0.error = nil }
        ipv4.with { $0.drifted = true }
        for kind in [PassKind.repair, .incremental, .resync, .resync] {
            let report = await dataplane.pass(nothing, kind)
            #expect(report.outcome == .succeeded)
            #expect(!report.succeeded)
            #expect(report.families.map(\.isDeferred) == [false, true])
            // Status and health still name why.
            #expect(report.errors.map(\.error) == [error("IPv6 nat")])
        }
        #expect([ipv4, ipv6].map { $0.with { $0.passes } } == [5, 1])
        #expect([ipv4, ipv6].map { $0.with { $0.taken } } == [0, 4])
        // The first pass, the repair and one of the resyncs.
        #expect(ipv4.with { $0.observations } == 3)
        let retried = await dataplane.pass(nothing, .full)
        #expect(retried.outcome == .succeeded && retried.succeeded)
        #expect(await dataplane.pass(nothing, .incremental).succeeded)
        #expect(ipv6.with { $0.passes } == 3)
    }

    @Test("An error of one family does not keep the others from being looked at")
    func lookErrors() async throws {
        let dataplane = try await dataplane()
        _ = await dataplane.pass(nothing, .full)
        ipv4.with { $0.lookError = error("IPv4 nat") }
        ipv6.with { $0.drifted = true }
        await #expect(throws: error("IPv4 nat")) { try await dataplane.hasDrifted() }
        await #expect(throws: error("IPv4 nat")) { try await dataplane.attend() }
        // The family and what other modes left in it.
        #expect(ipv6.with { $0.dueWork } == 2)
        // A family that cannot be asked is read, as any that has changed.
        _ = await dataplane.pass(nothing, .full)
        #expect([ipv4, ipv6].map { $0.with { $0.observations } } == [2, 2])
    }

    @Test("A resync reads one family after the other, an incremental pass none")
    func resync() async throws {
        let dataplane = try await dataplane()
        _ = await dataplane.pass(nothing, .full)
        _ = await dataplane.pass(nothing, .resync)
        #expect([ipv4, ipv6].map { $0.with { $0.observations } } == [2, 1])
        _ = await dataplane.pass(nothing, .incremental)
        _ = await dataplane.pass(nothing, .resync)
        #expect([ipv4, ipv6].map { $0.with { $0.observations } } == [2, 2])
    }

    @Test(
        "A resync that is given up reads the same family the next time; an overdue one is not given up"
    )
    func resyncGivenUp() async throws {
        let dataplane = try await dataplane()
        _ = await dataplane.pass(nothing, .full) { true }
        for _ in 1...2 {
            let report = await dataplane.pass(nothing, .resync) { true }
            #expect(report.isGivenUp && report.outcome == .succeeded)
        }
        #expect([ipv4, ipv6].map { $0.with { $0.observations } } == [3, 1])
        #expect(await !dataplane.pass(nothing, .overdueResync) { true }.isGivenUp)
        #expect([ipv4, ipv6].map { $0.with { $0.observations } } == [4, 1])
        #expect(await !dataplane.pass(nothing, .resync) { false }.isGivenUp)
        #expect([ipv4, ipv6].map { $0.with { $0.observations } } == [4, 2])
        // Nothing else is ever given up.
        ipv4.with { $0.drifted = true }
        #expect(await !dataplane.pass(nothing, .full) { true }.isGivenUp)
        #expect([ipv4, ipv6].map { $0.with { $0.observations } } == [5, 2])
    }

    @Test("Errors reach the report as they are, and say when to try again")
    func errorKinds() async throws {
        let dataplane = try await dataplane()
        func outcome(_ kinds: DataplaneError.Kind?...) async -> PassOutcome {
            for (kernel, kind) in zip([ipv4, ipv6], kinds) {
                var failure = error("nat")
                if let kind { failure.kind = kind }
                kernel.with { $0.error = kind == nil ? nil : failure }
            }
            let report = await dataplane.pass(nothing, .full)
            #expect(report.errors.map(\.error.kind) == kinds.compactMap(\.self))
            return report.outcome
        }
        #expect(await outcome(.locked, .busy) == .failed(.soon))
        #expect(await outcome(.locked, nil) == .failed(.soon, partly: true))
        #expect(await outcome(.locked, .other) == .failed(.backingOff))
        #expect(await outcome(.notPermitted, .unsupported) == .failed(.slowly))
        #expect(await outcome(.conflict, nil) == .failed(.backingOff, partly: true))
        #expect(await outcome(nil, nil) == .succeeded)
        var refused = error("nat")
        refused.kind = .notPermitted
        #expect(refused.cure?.contains("CAP_NET_ADMIN") == true)
        refused.kind = .locked
        #expect(refused.cure?.contains("lock") == true)
        refused.kind = .busy
        #expect(refused.cure == nil)
    }

    @Test("The start uses the host's mode and families and reports its problems")
    func start() async throws {
        let dataplane = Dataplane(
            DaemonConfiguration(),
            host: FakeHost([ipv4, ipv6]),
            flows: FakeFlows()
        )
        let started = try await dataplane.start()
        #expect(started.mode == .ipvs)
        #expect(started.reason == "a test")
        #expect(started.families == [.ipv4, .ipv6])
        #expect(await dataplane.kernelProblems() == ["no module", "sysctl: read-only"])
        await dataplane.answer()
    }

    @Test("Other settings plan anew, and those that matter to no plan do not")
    func facts() async throws {
        let host = FakeHost([ipv4, ipv6])
        let dataplane = Dataplane(DaemonConfiguration(), host: host, flows: FakeFlows())
        _ = try await dataplane.start()
        #expect(try await !dataplane.addressesChanged())
        host.node.withLock { $0.localAddresses = [IPAddress(ipv4: 0xc000_0201)] }
        #expect(try await dataplane.addressesChanged())
        #expect(try await !dataplane.addressesChanged())
        #expect(await dataplane.learn(ClusterFacts()) == false)
        #expect(await dataplane.reconfigure(DaemonConfiguration()) == ["sysctl: read-only"])
        #expect(ipv4.with { $0.plannedWith.count } == 2)
        let report = await dataplane.pass(nothing, .full)
        #expect(report.settings == ipv4.with { $0.plannedWith.last })
    }

    @Test("Another name of the host is reported, and changes no plan before the next start")
    func renamedHost() async throws {
        let host = FakeHost([ipv4, ipv6])
        let dataplane = Dataplane(DaemonConfiguration(), host: host, flows: FakeFlows())
        _ = try await dataplane.start()
        #expect(await dataplane.look().otherName == nil)
        host.node.withLock { $0.hostName = "node-b" }
        #expect(await dataplane.mayHaveOtherFacts)
        let look = await dataplane.look()
        #expect(look.otherName == "node-b" && look.changedFacts == [])
        #expect(await !dataplane.mayHaveOtherFacts)
        host.node.withLock { $0.tcpIsLiberal = true }
        #expect(await dataplane.look().changedFacts == [.tcpLiberality])
        #expect(await dataplane.pass(nothing, .full).settings?.node.name == "node-a")
        // A configured name has nothing to do with the host's.
        var named = DaemonConfiguration()
        named.node.name = "node-c"
        _ = await dataplane.reconfigure(named)
        #expect(await dataplane.look().otherName == nil)
    }

    @Test("Flows of node ports are checked where an address comes or goes, once its rules stand")
    func otherAddresses() async throws {
        let host = FakeHost([ipv4, ipv6])
        let dataplane = Dataplane(DaemonConfiguration(), host: host, flows: FakeFlows())
        _ = try await dataplane.start()
        let (first, second) = (IPAddress(ipv4: 0xc000_0201), IPAddress(ipv4: 0xc000_0202))
        // On one link only: no node port answers there.
        let local = try #require(IPAddress("fe80::1"))
        var before: Set<IPAddress> = []
        for (addresses, isOther) in [
            ([first], true), ([first], false), ([], true), ([first, second], true),
            ([first, second, local], false),
        ] {
            host.node.withLock { $0.localAddresses = addresses }
            for kernel in [ipv4, ipv6] { kernel.with { ($0.rechecks, $0.flowRequests) = ([], 0) } }
            _ = try await dataplane.addressesChanged()
            let after = Set(addresses).subtracting([local])
            #expect(ipv4.with { $0.rechecks } == (isOther ? [[before, after]] : []))
            #expect(ipv6.with { $0.rechecks } == [])
            before = after
            // In mode ipvs addresses matter to the plan, and what is asked for comes with the pass.
            #expect([ipv4, ipv6].map { $0.with { $0.flowRequests } } == [0, 0])
            _ = await dataplane.pass(nothing, .full)
            #expect([ipv4, ipv6].map { $0.with { $0.flowRequests } } == [1, 1])
        }
    }

    @Test("Flows of node ports are checked where the configuration accepts them at other addresses")
    func otherNodePortAddresses() async throws {
        var node = NodeFacts(hostName: "node-a")
        let (first, second) = (IPAddress(ipv4: 0xc000_0201), IPAddress(ipv4: 0x0ab4_0001))
        node.localAddresses = [first, second]
        let dataplane = Dataplane(
            DaemonConfiguration(),
            host: FakeHost([ipv4, ipv6], node),
            flows: FakeFlows()
        )
        _ = try await dataplane.start()
        var configuration = DaemonConfiguration()
        configuration.masquerade.all = true
        _ = await dataplane.reconfigure(configuration)
        #expect(ipv4.with { $0.rechecks } == [])
        let text = "nodePorts: {addresses: [192.0.2.0/24]}"
        _ = await dataplane.reconfigure(try DaemonConfiguration(text: text, file: "f"))
        #expect(ipv4.with { $0.rechecks } == [[[first, second], [first]]])
        #expect(ipv6.with { $0.rechecks } == [])
    }

    @Test("Addresses that cannot be read are not gone: what is known stays until they can be")
    func unreadableFacts() async throws {
        var node = NodeFacts(hostName: "node-a")
        node.localAddresses = [IPAddress(ipv4: 0xc000_0201)]
        let host = FakeHost([ipv4, ipv6], node)
        let dataplane = Dataplane(DaemonConfiguration(), host: host, flows: FakeFlows())
        _ = try await dataplane.start()
        host.node.withLock { $0.localAddresses = [IPAddress(ipv4: 0xc000_0202)] }
        host.failure.withLock { $0 = error("local addresses") }
        let look = await dataplane.look()
        #expect(look.changedFacts == [])
        #expect(look.addressesError == error("local addresses"))
        #expect(await dataplane.mayHaveOtherFacts)
        let settings = await dataplane.pass(nothing, .full).settings
        #expect(settings?.localAddresses == node.localAddresses)
        #expect(ipv4.with { $0.plannedWith } == [])
        host.failure.withLock { $0 = nil }
        #expect(await dataplane.look().changedFacts == [.addresses])
        #expect(ipv4.with { $0.plannedWith.last?.localAddresses } == [IPAddress(ipv4: 0xc000_0202)])
        // A start does not guess either.
        let blind = FakeHost([ipv4, ipv6], node)
        blind.failure.withLock { $0 = error("local addresses") }
        let second = Dataplane(DaemonConfiguration(), host: blind, flows: FakeFlows())
        await #expect(throws: error("local addresses")) { try await second.start() }
    }

    @Test("The report adds up its families")
    func sums() async throws {
        let dataplane = try await dataplane()
        ipv4.with { $0.operations = 3 }
        ipv6.with { $0.operations = 4 }
        let report = await dataplane.pass(nothing, .full, explain: true)
        #expect(report.operations == 7)
        #expect(report.families.map(\.ruleCounts) == [[.nat: 7], [.nat: 7]])
        #expect(report.operationLines == ["IPv4: -A INPUT", "IPv6: -A INPUT"])
        #expect(report.services == 0 && report.changedServices == 0 && report.conflicts == 0)
        #expect(report.drift == 0 && report.driftedServicesText == "-")
        #expect(report.issues.isEmpty)
    }
}

/// No flows.
struct FakeFlows: FlowTable {
    func localAddresses() throws(DataplaneError) -> [IPAddress] { [] }

    func deleteFlows(
        _ family: IPFamily,
        where isStale: (UDPFlow) -> Bool
    ) throws(DataplaneError) -> (deleted: Int, failures: [DataplaneError]) { (0, []) }

    func endSockets(
        _ family: IPFamily,
        _ sockets: FlowUses.Sockets,
        where isStale: (UDPFlow) -> Bool
    ) throws(DataplaneError) -> EndedSockets { EndedSockets() }
}
