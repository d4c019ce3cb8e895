import Addressing
import DaemonConfiguration
import DataplaneModel
import Planning
import ServiceModel
import Testing

@testable import Dataplane

@Suite("Socket level beside rules")
struct SocketLevelTests {
    private let kernel = SocketKernel()
    private let nothing = SnapshotUpdate(snapshot: ServiceSnapshot(), changed: .some([]))

    private func configuration(
        _ scope: DaemonConfiguration.SocketLB.Scope
    ) -> DaemonConfiguration {
        var configuration = DaemonConfiguration()
        configuration.socketLB.scope = scope
        return configuration
    }

    private func dataplane(
        _ scope: DaemonConfiguration.SocketLB.Scope = .all
    ) async throws -> Dataplane {
        let dataplane = Dataplane(
            configuration(scope),
            host: SocketHost(kernel),
            flows: FakeFlows()
        )
        _ = try await dataplane.start()
        return dataplane
    }

    /// Services by their number of endpoints: the first at 10.96.0.1.
    private func services(_ endpoints: [Int], changed: [Int]? = nil) throws -> SnapshotUpdate {
        let port = try #require(PortNumber(80))
        var snapshot = ServiceSnapshot()
        for (number, count) in endpoints.enumerated() where count > 0 {
            let name = toyService("s\(number)")
            snapshot.services[name] = Service(
                name: name,
                clusterIPs: [IPAddress(ipv4: 0x0a60_0001 + UInt32(number))],
                ports: [ServicePort(transport: .tcp, port: port)]
            )
            snapshot.slices[name] = [
                EndpointSlice(
                    name: "\(name.name)-1",
                    service: name,
                    family: .ipv4,
                    ports: [EndpointPort(transport: .tcp, port: port)],
                    endpoints: (0..<UInt32(count)).map {
                        Endpoint(address: IPAddress(ipv4: 0x0ab4_0001 + $0))
                    }
                )
            ]
        }
        let names = changed.map { ChangedServices.some(Set($0.map { toyService("s\($0)") })) }
        return SnapshotUpdate(snapshot: snapshot, changed: names ?? .all)
    }

    private func reconfigured(
        _ change: (inout DaemonConfiguration) -> Void
    ) -> DaemonConfiguration {
        var configuration = configuration(.all)
        change(&configuration)
        return configuration
    }

    @Test(
        "Sockets are ended with UDP alone, and after the socket level's pass",
        .timeLimit(.minutes(10))
    )
    func endedSockets() async throws {
        let flows = SocketFlows(kernel)
        let dataplane = Dataplane(configuration(.all), host: SocketHost(kernel), flows: flows)
        _ = try await dataplane.start()
        func pass(_ endpoints: [Int] = [1]) async throws {
            kernel.with { $0.check.frontends[SocketFlows.frontend] = [] }
            _ = await dataplane.pass(try services(endpoints), .full)
            await dataplane.flowCleaner.finish()
        }
        try await pass()
        #expect(kernel.with { $0.uses } == FlowUses(cleansTable: true))
        #expect(!kernel.takeJournal().contains { $0.hasPrefix("ended") })
        for (scope, ofPods) in [(DaemonConfiguration.SocketLB.Scope.node, false), (.all, true)] {
            _ = await dataplane.reconfigure(
                reconfigured {
                    $0.socketLB.scope = scope
                    $0.socketLB.protocols = [.tcp, .udp]
                    $0.conntrack.cleanStaleUDP = false
                }
            )
            try await pass()
            #expect(kernel.takeJournal().last == "ended, of pods: \(ofPods)")
        }
        // Not while the programs may still lead to the endpoint.
        kernel.with { $0.applyError = error() }
        try await pass([1, 1])
        #expect(!kernel.takeJournal().contains { $0.hasPrefix("ended") })
        kernel.with { $0.applyError = nil }
        _ = await dataplane.pass(try services([1, 1]), .full)
        await dataplane.flowCleaner.finish()
        #expect(kernel.takeJournal().last == "ended, of pods: true")
    }

    private func error(_ kind: DataplaneError.Kind = .other) -> DataplaneError {
        DataplaneError(kind: kind, operation: "test", subject: "map", errno: 1, message: "no")
    }

    @Test(
        "A new Service has its rules first; endpoints and Services that go leave the sockets first"
    )
    func order() async throws {
        let dataplane = try await dataplane()
        _ = await dataplane.pass(try services([2]), .full)
        #expect(
            kernel.takeJournal() == [
                "sockets opened", "rules", "sockets +10.96.0.1:80/tcp", "sockets group of 2",
                "sockets attached",
            ]
        )
        _ = await dataplane.pass(try services([2, 1], changed: [1]), .incremental)
        #expect(
            kernel.takeJournal()
                == ["rules", "sockets +10.96.0.2:80/tcp", "sockets group of 1"]
        )
        _ = await dataplane.pass(try services([1, 1, 1], changed: [0, 2]), .incremental)
        #expect(
            kernel.takeJournal() == [
                "sockets group of 1", "rules", "sockets +10.96.0.3:80/tcp", "sockets group of 1",
            ]
        )
        let last = await dataplane.pass(try services([1, 0, 1], changed: [1]), .incremental)
        #expect(
            kernel.takeJournal()
                == ["sockets -10.96.0.2:80/tcp", "sockets group of 0", "rules"]
        )
        #expect(last.outcome == .succeeded)
        #expect(last.operations == 2)
        #expect(last.families[0].sockets?.use?.maps.first?.entries == 2)
        #expect(kernel.with { $0.observations } == 1)
    }

    @Test("A failure of the sockets leaves the rules alone, is reported, and is tried again")
    func failure() async throws {
        let dataplane = try await dataplane()
        kernel.with { $0.applyError = error() }
        let failed = await dataplane.pass(try services([1]), .full)
        #expect(failed.succeeded)
        #expect(failed.outcome == .incomplete)
        let problem = "IPv4: map: test failed: no (errno 1)"
        #expect(failed.socketProblems == ["\(problem); the rules serve alone"])
        #expect(failed.errors.isEmpty && failed.failures.isEmpty)
        kernel.with { $0.applyError = nil }
        let done = await dataplane.pass(nothing, .full)
        #expect(done.outcome == .succeeded)
        #expect(kernel.with { $0.level.frontends.count } == 1)
        #expect(kernel.with { $0.level.isAttached })
        // What is attached goes on.
        kernel.with { $0.applyError = error() }
        let later = await dataplane.pass(try services([1, 1]), .full)
        #expect(
            later.socketProblems == ["\(problem); programs that are attached go on as they were"]
        )
        #expect(later.families[0].sockets?.use?.attached == ["connect4"])
        // Only once.
        #expect(kernel.with { $0.ruleObservations } == 1)
    }

    @Test("What cannot be read of the sockets hides nothing that is known of them")
    func unreadable() async throws {
        let dataplane = try await dataplane()
        _ = await dataplane.pass(try services([1]), .full)
        kernel.with { $0.refreshError = error() }
        let change = await dataplane.pass(try services([2], changed: [0]), .incremental)
        #expect(change.families[0].sockets?.use?.attached == ["connect4"])
        #expect(change.families[0].sockets?.use?.failure == "\(error())")
        kernel.with { content in
            content.refreshError = nil
            content.useError = error(.notPermitted)
        }
        let full = await dataplane.pass(try services([1]), .full)
        #expect(full.families[0].sockets?.use?.attached == ["connect4"])
        #expect(full.families[0].sockets?.use?.failure == "\(error(.notPermitted))")
        kernel.with { $0.useError = nil }
        let cured = await dataplane.pass(try services([2], changed: [0]), .incremental)
        #expect(cured.families[0].sockets?.use?.failure == nil)
    }

    @Test("A change that fails before the rules is made good after them")
    func failedBeginning() async throws {
        let dataplane = try await dataplane()
        _ = await dataplane.pass(try services([2]), .full)
        kernel.with { $0.applyError = error() }
        let failed = await dataplane.pass(try services([1], changed: [0]), .incremental)
        #expect(failed.outcome == .incomplete)
        kernel.with { $0.applyError = nil }
        let done = await dataplane.pass(nothing, .full)
        #expect(done.outcome == .succeeded)
        #expect(kernel.with { $0.level.groups.values.map(\.slots.count) } == [1])
    }

    @Test("If the rules fail, the sockets are brought up to date all the same")
    func rulesFail() async throws {
        let dataplane = try await dataplane()
        kernel.with { $0.rulesError = error(.busy) }
        let report = await dataplane.pass(try services([1]), .full)
        #expect(report.outcome == .failed(.soon))
        #expect(kernel.with { $0.level.frontends.count } == 1)
    }

    @Test("What another program changed is put back, and only the sockets are read for that")
    func drift() async throws {
        let dataplane = try await dataplane()
        _ = await dataplane.pass(try services([1]), .full)
        #expect(try await !dataplane.hasDrifted())
        kernel.with {
            $0.level.isAttached = false
            $0.mark.certain += 1
        }
        #expect(try await dataplane.hasDrifted())
        let report = await dataplane.pass(nothing, .full)
        #expect(report.drift == 1)
        #expect(kernel.with { $0.level.isAttached })
        #expect(kernel.with { $0.ruleObservations } == 1)
        #expect(try await !dataplane.hasDrifted())
        #expect(await dataplane.completeAnnouncements == nil)
    }

    @Test("Due work that fails leads to an observation, and to no error of the rules")
    func dueWork() async throws {
        let dataplane = try await dataplane()
        _ = await dataplane.pass(try services([1]), .full)
        kernel.with { $0.dueWorkError = error() }
        try await dataplane.attend()
        kernel.with { $0.dueWorkError = nil }
        #expect(try await dataplane.hasDrifted())
        _ = await dataplane.pass(nothing, .full)
        #expect(kernel.with { $0.observations } == 2)
        #expect(try await !dataplane.hasDrifted())
    }

    @Test("A look has what the programs have at their disposal then, after the first pass")
    func uses() async throws {
        let dataplane = try await dataplane()
        #expect(await dataplane.look().socketUses.isEmpty)
        _ = await dataplane.pass(try services([1]), .full)
        let passed = await dataplane.look().socketUses[.ipv4]
        #expect(passed?.attached == ["connect4"] && passed?.foreign == [])
        kernel.with { $0.foreign = ["connect4: sd_fw (id 12)"] }
        #expect(await dataplane.look().socketUses[.ipv4]?.foreign == ["connect4: sd_fw (id 12)"])
        kernel.with { $0.useError = error() }
        let unknown = await dataplane.look().socketUses[.ipv4]
        #expect(unknown?.failure == "\(error())" && unknown?.attached == ["connect4"])
        kernel.with { $0.useError = nil }
        #expect(await dataplane.look().socketUses[.ipv4]?.failure == nil)
        _ = await dataplane.reconfigure(configuration(.off))
        #expect(await dataplane.look().socketUses.isEmpty)
    }

    @Test("A resync reads rules and sockets in turns")
    func resync() async throws {
        let dataplane = try await dataplane()
        _ = await dataplane.pass(try services([1]), .full)
        for expected in [[2, 1], [2, 2], [3, 2]] {
            _ = await dataplane.pass(nothing, .resync)
            let read = kernel.with { [$0.ruleObservations, $0.observations] }
            #expect(read == expected)
        }
    }

    @Test("Switched off, all is removed after the rules' pass, and on again anew")
    func switching() async throws {
        let dataplane = try await dataplane()
        _ = await dataplane.pass(try services([1]), .full)
        _ = await dataplane.reconfigure(configuration(.off))
        _ = kernel.takeJournal()
        kernel.with { $0.removalError = error(.notPermitted) }
        let refused = await dataplane.pass(try services([1]), .full)
        #expect(
            refused.socketProblems == [
                "not removed: map: test failed: no (errno 1); programs that are attached go on as they were"
            ]
        )
        #expect(refused.outcome == .incomplete)
        kernel.with { $0.removalError = nil }
        let off = await dataplane.pass(try services([1]), .full)
        #expect(kernel.takeJournal() == ["rules", "rules", "sockets removed"])
        #expect(off.removedSockets == 1)
        #expect(off.families[0].sockets == nil)
        #expect(off.outcome == .succeeded)
        #expect(await dataplane.completeAnnouncements?.isEmpty == true)
        _ = await dataplane.reconfigure(configuration(.node))
        let on = await dataplane.pass(try services([1]), .full)
        #expect(on.outcome == .succeeded)
        #expect(kernel.with { $0.level.isAttached })
    }

    @Test("Off from the start, what an earlier process left is removed once")
    func remains() async throws {
        kernel.with { kernel in
            let port = PortNumber(80)
            kernel.level.frontends =
                port.map {
                    [SocketFrontend(address: nil, port: $0, transport: .tcp): .leave]
                } ?? [:]
        }
        let dataplane = try await dataplane(.off)
        #expect(await dataplane.pass(try services([1]), .full).removedSockets == 1)
        #expect(kernel.takeJournal() == ["rules", "sockets removed"])
        #expect(await dataplane.pass(nothing, .full).removedSockets == 0)
    }

    @Test("What cannot be opened is named, and opened as soon as it can be")
    func opening() async throws {
        kernel.with { $0.openingError = error(.notFound) }
        let dataplane = try await dataplane()
        let report = await dataplane.pass(try services([1]), .full)
        #expect(
            report.socketProblems == [
                "IPv4: map: test failed: no (errno 1); programs that are attached go on as they were"
            ]
        )
        #expect(report.outcome == .incomplete)
        kernel.with { $0.openingError = nil }
        // As the daemon's retry: all Services that it has.
        let retry = await dataplane.pass(try services([1], changed: []), .full)
        #expect(retry.outcome == .succeeded)
        #expect(kernel.with { $0.level.frontends.count } == 1)
    }

    @Test("An address more on the node concerns node ports of the sockets, and no rules")
    func addresses() async throws {
        let dataplane = try await dataplane()
        _ = await dataplane.pass(try services([1]), .full)
        _ = kernel.takeJournal()
        let address = IPAddress(ipv4: 0xc000_0201)
        kernel.with { $0.facts.localAddresses = [address] }
        #expect(try await dataplane.addressesChanged())
        #expect(kernel.takeJournal() == [])
        _ = await dataplane.pass(try services([1]), .full)
        #expect(kernel.with { $0.level.nodeAddresses.contains(address) })
        kernel.with { $0.facts.localAddresses.append(IPAddress(ipv4: 0xa9fe_0001)) }
        #expect(try await !dataplane.addressesChanged())
    }

    @Test("Operations are explained with the rules'")
    func explained() async throws {
        let dataplane = try await dataplane()
        let report = await dataplane.pass(try services([1]), .full, explain: true)
        #expect(report.operationLines.contains { $0.hasPrefix("IPv4: +frontend 10.96.0.1:80/tcp") })
        #expect(report.operationLines.contains("IPv4: @@ attach the socket programs @@"))
    }
}
