import Addressing
import ServiceModel
import TestSupport
import Testing

@testable import HealthChecking

@Suite("HealthFilter")
struct HealthFilterTests {
    private static let web = ServiceName(namespace: "shop", name: "web")

    private func port(_ number: Int) throws -> PortNumber { try #require(PortNumber(number)) }

    /// A Service of two ports, http and metrics, whose endpoints are 10.0.0.1 and so on.
    private func snapshot(
        _ check: HealthCheck?,
        endpoints: UInt32 = 2,
        names: [ServiceName] = [web]
    ) throws -> ServiceSnapshot {
        var snapshot = ServiceSnapshot()
        for name in names {
            var service = Service(name: name, clusterIPs: [IPAddress(ipv4: 0x0a60_0001)])
            service.ports = [
                ServicePort(name: "http", port: try port(80)),
                ServicePort(name: "metrics", port: try port(90)),
            ]
            service.healthCheck = check
            snapshot.services[name] = service
            snapshot.slices[name] = [
                EndpointSlice(
                    name: "web-1",
                    service: name,
                    family: .ipv4,
                    ports: [
                        EndpointPort(name: "http", port: try port(8080)),
                        EndpointPort(name: "metrics", port: try port(9090)),
                    ],
                    endpoints: (1...endpoints).map {
                        Endpoint(address: IPAddress(ipv4: 0x0a00_0000 + $0))
                    }
                )
            ]
        }
        return snapshot
    }

    private func target(_ endpoint: UInt32, _ number: Int) throws -> HealthTarget {
        HealthTarget(
            socket: SocketAddress(IPAddress(ipv4: 0x0a00_0000 + endpoint), try port(number)),
            probe: .tcp
        )
    }

    private func down(_ targets: HealthTarget...) -> [HealthChange] {
        targets.map { HealthChange(target: $0, isHealthy: false) }
    }

    /// `http: 1 2, metrics: 1` for the endpoints that are ready.
    private func ready(_ filter: HealthFilter, _ name: ServiceName = web) -> String {
        let slices = filter.snapshot.slices[name] ?? []
        return ["http", "metrics"].map { port in
            let numbers = slices.filter { $0.ports.contains { $0.name == port } }
                .flatMap(\.endpoints).filter(\.ready).map { "\($0.address.bits & 0xff)" }
            return "\(port): \(numbers.joined(separator: " "))"
        }
        .joined(separator: ", ")
    }

    private func update(_ snapshot: ServiceSnapshot) -> SnapshotUpdate {
        SnapshotUpdate(snapshot: snapshot, changed: .all)
    }

    @Test("Without a port of its own a check is about each TCP port for itself")
    func byPort() throws {
        var filter = HealthFilter()
        let first = filter.take(update(try snapshot(HealthCheck(probe: .tcp))))
        #expect(first.targets.added.count == 4)
        #expect(ready(filter) == "http: 1 2, metrics: 1 2")
        let change = try #require(filter.apply(down(try target(1, 9090))))
        #expect(change.changed == .some([Self.web]))
        #expect(change.snapshot.revision > first.update.snapshot.revision)
        #expect(ready(filter) == "http: 1 2, metrics: 2")
        let names = filter.snapshot.slices[Self.web]?.map(\.name) ?? []
        #expect(names == names.sorted() && Set(names).count == names.count)
        #expect(filter.withoutHealthyEndpoint.isEmpty)
        #expect(filter.apply(down(try target(1, 9090))) == nil)
        let back = filter.apply([HealthChange(target: try target(1, 9090), isHealthy: true)])
        #expect(back?.snapshot.slices[Self.web] == first.update.snapshot.slices[Self.web])
    }

    @Test(
        "With a port, by number or name, one result is for all ports",
        arguments: [HealthCheck.Port.named("metrics"), PortNumber(9090).map { .number($0) }]
    )
    func onePort(_ where: HealthCheck.Port?) throws {
        let check = HealthCheck(probe: .tcp, port: try #require(`where`))
        var filter = HealthFilter()
        let targets = filter.take(update(try snapshot(check))).targets
        #expect(targets.added == [try target(1, 9090), try target(2, 9090)])
        #expect(filter.apply(down(try target(2, 9090))) != nil)
        #expect(ready(filter) == "http: 1, metrics: 1")
        #expect(filter.snapshot.slices[Self.web]?.count == 1)
    }

    @Test("When the last healthy endpoint goes, keep keeps all and drop leaves none")
    func panic() throws {
        for (panic, expected) in [
            (HealthCheck.Panic.keep, "http: 1 2, metrics: 1 2"),
            (.drop, "http: , metrics: 1 2"),
        ] {
            var filter = HealthFilter()
            _ = filter.take(update(try snapshot(HealthCheck(probe: .tcp, panic: panic))))
            _ = filter.apply(down(try target(1, 8080)))
            #expect(ready(filter) == "http: 2, metrics: 1 2")
            _ = filter.apply(down(try target(2, 8080)))
            #expect(ready(filter) == expected)
            #expect(filter.withoutHealthyEndpoint.map(\.description) == ["shop/web:http"])
            // One that comes back is used alone, and ends it.
            _ = filter.apply([HealthChange(target: try target(1, 8080), isHealthy: true)])
            #expect(ready(filter) == "http: 1, metrics: 1 2")
            #expect(filter.withoutHealthyEndpoint.isEmpty)
        }
    }

    @Test("An endpoint that takes no connections anyway does not keep panic away")
    func unusable() throws {
        var snapshot = try snapshot(HealthCheck(probe: .tcp), endpoints: 3)
        snapshot.slices[Self.web]?[0].endpoints[1].weight = 0
        snapshot.slices[Self.web]?[0].endpoints[2].ready = false
        var filter = HealthFilter()
        let targets = filter.take(update(snapshot)).targets
        #expect(targets.added == [try target(1, 8080), try target(1, 9090)])
        #expect(filter.apply(down(try target(1, 8080))) == nil)
        #expect(filter.withoutHealthyEndpoint.count == 1)
    }

    @Test("Services that share a target share its probe and its result")
    func sharing() throws {
        let other = ServiceName(namespace: "shop", name: "other")
        let check = HealthCheck(probe: .tcp)
        var filter = HealthFilter()
        let both = try snapshot(check, names: [Self.web, other])
        #expect(filter.take(update(both)).targets.added.count == 4)
        let change = filter.apply(down(try target(1, 8080)))
        #expect(change?.changed == .some([Self.web, other]))
        #expect(filter.services(using: try target(1, 8080)) == [other, Self.web])
        // While one of them has it, it stays.
        let one = filter.take(update(try snapshot(check, names: [other])))
        #expect(one.targets.isEmpty)
        #expect(ready(filter, other) == "http: 2, metrics: 1 2")
        let none = filter.take(update(ServiceSnapshot()))
        #expect(none.targets.removed.count == 4)
        #expect(filter.snapshot.slices.isEmpty)
    }

    @Test("A target that went and came back is used again until it fails anew")
    func forgetting() throws {
        let check = HealthCheck(probe: .tcp)
        var filter = HealthFilter()
        _ = filter.take(update(try snapshot(check)))
        _ = filter.apply(down(try target(1, 8080)))
        _ = filter.take(update(ServiceSnapshot()))
        #expect(filter.apply(down(try target(1, 8080))) == nil)
        _ = filter.take(update(try snapshot(check)))
        #expect(ready(filter) == "http: 1 2, metrics: 1 2")
    }

    @Test("Services of the cluster are not probed")
    func cluster() throws {
        var snapshot = try snapshot(HealthCheck(probe: .tcp))
        snapshot.services[Self.web]?.origin = .cluster
        var filter = HealthFilter()
        #expect(filter.take(update(snapshot)).targets.isEmpty)
    }

    @Test("Any order of updates and results comes to what the last of each say", arguments: 1...20)
    func anyOrder(_ seed: UInt64) {
        var generator = SplitMix64(seed: seed)
        var sources = RandomSnapshots(seed: seed)
        var checks: [ServiceName: HealthCheck?] = [:]
        var raw = ServiceSnapshot()
        var filter = HealthFilter()
        var targets: Set<HealthTarget> = []
        var unhealthy: Set<HealthTarget> = []
        for _ in 0..<60 {
            let before = filter.snapshot
            let change: SnapshotUpdate?
            if Bool.random(using: &generator) {
                var next = sources.next()
                guard case .some(let names) = next.changed else { continue }
                for name in names { checks[name] = RandomChecks.next(&generator) }
                for (name, check) in checks { next.snapshot.services[name]?.healthCheck = check }
                raw = next.snapshot
                if Int.random(in: 0..<8, using: &generator) == 0 { next.changed = .all }
                let filtered = filter.take(next)
                change = filtered.update
                #expect(targets.isDisjoint(with: filtered.targets.added))
                #expect(targets.isSuperset(of: filtered.targets.removed))
                targets.formUnion(filtered.targets.added)
                targets.subtract(filtered.targets.removed)
                unhealthy.formIntersection(targets)
            } else {
                let some = targets.filter { _ in Bool.random(using: &generator) }
                let isHealthy = Int.random(in: 0..<3, using: &generator) == 0
                change = filter.apply(
                    some.map { HealthChange(target: $0, isHealthy: isHealthy) }
                )
                if isHealthy {
                    unhealthy.subtract(some)
                } else {
                    unhealthy.formUnion(some)
                }
            }
            // What is said to have changed covers what has.
            if case .some(let names) = change?.changed ?? .some([]) {
                for name in Set(before.slices.keys).union(filter.snapshot.slices.keys)
                where !names.contains(name) {
                    #expect(before.slices[name] == filter.snapshot.slices[name])
                }
            }
            #expect(filter.snapshot.services == raw.services)
            for name in raw.services.keys {
                FilterOracle(raw: raw, name: name, unhealthy: unhealthy)
                    .check(filter.snapshot.slices[name] ?? [])
            }
        }
    }
}

/// Checks that differ in all that matters to the filter.
private enum RandomChecks {
    static func next(_ generator: inout SplitMix64) -> HealthCheck? {
        guard Int.random(in: 0..<4, using: &generator) > 0 else { return nil }
        let ports: [HealthCheck.Port] = [.endpoint, .named("dns"), .named("http")]
        return HealthCheck(
            probe: .tcp,
            port: ports.randomElement(using: &generator) ?? .endpoint,
            timing: HealthCheck.Timing(rise: Int.random(in: 1...2, using: &generator)),
            panic: Bool.random(using: &generator) ? .keep : .drop
        )
    }
}

/// The expected remainder of one Service, in the simplest form.
private struct FilterOracle {
    let raw: ServiceSnapshot
    let name: ServiceName
    let unhealthy: Set<HealthTarget>

    func check(_ filtered: [EndpointSlice]) {
        guard let service = raw.services[name] else { return }
        let slices = raw.slices[name] ?? []
        for port in service.ports {
            for family in IPFamily.allCases {
                let all = endpoints(slices, port, family)
                var left = all.filter { !isDown($0.endpoint, service, $0.target) }
                let isPanic = !all.isEmpty && left.isEmpty
                if isPanic, service.healthCheck?.panic == .keep { left = all }
                let found = endpoints(filtered, port, family)
                #expect(found.map(\.endpoint) == left.map(\.endpoint))
            }
        }
    }

    private func isDown(_ endpoint: Endpoint, _ service: Service, _ port: PortNumber?) -> Bool {
        guard let check = service.healthCheck, let port else { return false }
        return unhealthy.contains(
            HealthTarget(
                socket: SocketAddress(endpoint.address, port),
                probe: check.probe,
                timing: check.timing
            )
        )
    }

    /// Those that could get connections, and where they are probed for this port.
    private func endpoints(
        _ slices: [EndpointSlice],
        _ port: ServicePort,
        _ family: IPFamily
    ) -> [(endpoint: Endpoint, target: PortNumber?)] {
        let check = raw.services[name]?.healthCheck
        return slices.filter { $0.family == family }.flatMap { slice in
            slice.ports.filter { $0.name == port.name && $0.transport == port.transport }
                .flatMap { found in
                    // All ports of the random slices lead to the same number.
                    let target =
                        check?.port == .endpoint && found.transport != .tcp ? nil : found.port
                    return slice.endpoints.filter { endpoint in
                        endpoint.weight > 0
                            && (endpoint.ready || endpoint.serving && endpoint.terminating)
                    }
                    .map { ($0, target) }
                }
        }
    }
}
