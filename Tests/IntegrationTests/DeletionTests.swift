import Addressing
import Foundation
import Glibc
import KubernetesTestServer
import NamespaceLab
import ServiceModel
import Testing

extension KernelSuites {
    /// A small cluster that makes and deletes Services all day.
    @Suite("Deletions in a small cluster")
    struct DeletionTests {
        private static let lasting = 5
        private static let passing = 100

        private static func name(_ index: Int) -> ServiceName {
            ServiceName(namespace: "shop", name: "s\(index)")
        }

        private static func address(_ index: Int) -> String {
            "10.98.\(index / 250).\(index % 250 + 1)"
        }

        private static func content(_ index: Int) -> [ClusterContent] {
            [
                .service(
                    Service(
                        name: name(index),
                        clusterIPs: [IPAddress(address(index))].compactMap { $0 },
                        ports: [PortNumber(80)].compactMap { $0 }.map { ServicePort(port: $0) }
                    )
                ),
                .slice(
                    EndpointSlice(
                        name: "s\(index)-1",
                        service: name(index),
                        family: .ipv4,
                        ports: [PortNumber(8080)].compactMap { $0 }.map { EndpointPort(port: $0) },
                        endpoints: [IPAddress(LabAddresses.pod(1, .ipv4))].compactMap {
                            $0.map { Endpoint(address: $0) }
                        }
                    )
                ),
            ]
        }

        private static func manifest(_ index: Int) -> String {
            LifeScript.web(1).replacingOccurrences(of: "shop/web", with: "shop/s\(index)")
                .replacingOccurrences(of: LifeScript.vip, with: address(index))
        }

        private func isServed(_ index: Int, _ fixture: DaemonFixture) throws -> Bool {
            try fixture.rules(.ipv4).contains { $0.contains(Self.address(index) + "/32") }
        }

        /// Seconds until `check` holds.
        private func time(
            _ fixture: DaemonFixture,
            within limit: Duration = .seconds(20),
            until check: () throws -> Bool
        ) throws -> Double {
            let start = ContinuousClock.now
            let deadline = Deadline(in: limit)
            while !deadline.hasPassed {
                if try check() { return (ContinuousClock.now - start) / .seconds(1) }
                usleep(20_000)
            }
            throw LabError("not in time; log:\n\(fixture.log)")
        }

        /// Makes and deletes Services one after the other; the seconds that the slowest was served
        /// after its deletion.
        private func churn(
            _ fixture: DaemonFixture,
            make: (Int) throws -> Void,
            delete: (Int) throws -> Void
        ) throws -> Double {
            var slowest = 0.0
            for index in Self.lasting..<(Self.lasting + Self.passing) {
                try make(index)
                // The first and every tenth is waited for; the others come and go as fast as
                // they can be made.
                let isWatched = index % 10 == 0
                if isWatched { _ = try time(fixture) { try isServed(index, fixture) } }
                try delete(index)
                if isWatched {
                    slowest = max(slowest, try time(fixture) { try !isServed(index, fixture) })
                }
            }
            let rest = try time(fixture) {
                try !fixture.rules(.ipv4).contains { rule in
                    (Self.lasting..<(Self.lasting + Self.passing)).contains {
                        rule.contains(Self.address($0) + "/32")
                    }
                }
            }
            return max(slowest, rest)
        }

        /// Seconds that a deleted Service may be served: far fewer than the removal guard would hold it for. It takes a tenth
        /// of a second, but a busy machine more than one.
        private static let limit = 10.0

        @Test("From an API server: deleted Services go at once, missing ones are held and let go")
        func cluster() async throws {
            let cluster = TestCluster()
            let addresses = [IPAddress(LabAddresses.node(.ipv4))].compactMap { $0 }
            cluster.put(.node(ClusterNode(name: "node-a", addresses: addresses)))
            cluster.put((0..<Self.lasting).flatMap(Self.content))
            let server = KubernetesTestServer(cluster)
            let fixture = try DaemonFixture(servers: false, apiServer: try await server.start())
            try fixture.start()
            _ = try time(fixture) { try isServed(0, fixture) }
            func delete(_ index: Int) {
                let key = ClusterKey(namespace: "shop", name: "s\(index)")
                cluster.delete(.services, key)
                cluster.delete(
                    .endpointSlices,
                    ClusterKey(namespace: "shop", name: "s\(index)-1")
                )
            }
            let slowest = try churn(
                fixture,
                make: { cluster.put(Self.content($0)) },
                delete: { delete($0) }
            )
            print("API: at most \(slowest) s from a deletion to the end of its rules")
            #expect(slowest < Self.limit)
            #expect(!fixture.log.contains("Removal guard"))
            // As many go while the watch is broken: the list that follows lacks them.
            let many = Self.lasting..<(Self.lasting + Self.passing)
            cluster.put(many.flatMap(Self.content))
            _ = try time(fixture) { try isServed(many.upperBound - 1, fixture) }
            server.setFault { _ in .drop }
            server.dropConnections()
            for index in many { delete(index) }
            cluster.compact()
            server.setFault { _ in nil }
            _ = try time(fixture, within: .seconds(60)) {
                fixture.log.contains("Removal guard holds Services")
            }
            _ = try time(fixture) {
                try fixture.fairlead("status").output.contains(
                    "holds \(Self.passing) of \(Self.passing + Self.lasting) Services"
                )
            }
            #expect(try isServed(many.lowerBound, fixture))
            #expect(try fixture.fairlead("confirm").output.hasPrefix("confirmed: \(Self.passing) "))
            _ = try time(fixture) { try !isServed(many.lowerBound, fixture) }
            #expect(try isServed(0, fixture))
            _ = try time(fixture) {
                let events = server.events.map(\.json)
                return events.filter { $0.contains("\"RemovalsHeld\"") }.count == 1
                    && events.filter { $0.contains("\"RemovalsReleased\"") }.count == 1
            }
            let lines = fixture.log.split(separator: "\n").filter { $0.contains("Removal guard") }
            #expect(lines.count == 2, "\(lines)")
            try fixture.stop()
            await server.stop()
        }

        @Test("From manifests: deleted Services go at once, missing ones are held and let go")
        func files() throws {
            let fixture = try DaemonFixture(servers: false)
            for index in 0..<Self.lasting {
                try fixture.write(Self.manifest(index), to: "\(index).yaml")
            }
            try fixture.start()
            try fixture.waitUntilApplied()
            let slowest = try churn(
                fixture,
                make: { try fixture.write(Self.manifest($0), to: "\($0).yaml") },
                delete: { try fixture.remove("\($0).yaml") }
            )
            print("Files: at most \(slowest) s from a deletion to the end of its rules")
            #expect(slowest < Self.limit)
            #expect(!fixture.log.contains("Removal guard"))
            let many = Self.lasting..<(Self.lasting + Self.passing)
            for index in many { try fixture.write(Self.manifest(index), to: "\(index).yaml") }
            _ = try time(fixture) { try isServed(many.upperBound - 1, fixture) }
            // The directory is emptied as if it were unmounted.
            let services = fixture.directory + "/services.d"
            try FileManager.default.moveItem(atPath: services, toPath: services + ".away")
            try FileManager.default.createDirectory(
                atPath: services,
                withIntermediateDirectories: true
            )
            _ = try time(fixture) { fixture.log.contains("Removal guard holds Services") }
            let all = Self.passing + Self.lasting
            #expect(
                try fixture.fairlead("status").output.contains("holds \(all) of \(all) Services")
            )
            #expect(try isServed(0, fixture))
            // It is mounted again.
            try FileManager.default.removeItem(atPath: services)
            try FileManager.default.moveItem(atPath: services + ".away", toPath: services)
            _ = try time(fixture) { fixture.log.contains("the source has them again") }
            #expect(try fixture.fairlead("confirm").output == "nothing is held\n")
            try fixture.waitUntilApplied()
            #expect(try isServed(many.lowerBound, fixture))
            try fixture.stop()
        }
    }
}
