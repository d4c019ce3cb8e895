import Addressing
import CSocketLB
import DataplaneModel
import Foundation
import Glibc
import HostFacts
import Testing

@testable import SocketLB

/// A network namespace with loopback alone, a cgroup and a bpf file system, all of the test's own.
final class SocketFixture {
    let cgroup: String
    let directory: String
    let family: IPFamily
    private let mount: String
    private nonisolated(unsafe) static var number = 0

    init(_ family: IPFamily = .ipv4) throws {
        Self.number += 1
        self.family = family
        let root = try #require(Self.unifiedHierarchy)
        cgroup = "\(root)/fairlead-test-\(getpid())-\(Self.number)"
        mount = "\(TestDirectory.path)/bpf-\(Self.number)"
        directory = "\(mount)/fairlead"
        try FileManager.default.createDirectory(atPath: cgroup, withIntermediateDirectories: false)
        try FileManager.default.createDirectory(atPath: mount, withIntermediateDirectories: true)
        guard Glibc.mount("bpf", mount, "bpf", 0, "mode=0700") == 0 else {
            throw Program.Failure(description: "mount \(mount): errno \(errno)")
        }
        try NetworkNamespace.enterNew()
        try Program.check(["ip", "link", "set", "lo", "up"])
    }

    deinit {
        _ = try? SocketStore.removeAll(directory: directory)
        umount2(mount, Int32(MNT_DETACH))
        rmdir(mount)
        rmdir(cgroup)
    }

    /// Where cgroup v2 is mounted.
    private static let unifiedHierarchy: String? = {
        let mounts = (try? String(contentsOfFile: "/proc/self/mounts", encoding: .utf8)) ?? ""
        for line in mounts.split(separator: "\n") {
            let words = line.split(separator: " ")
            if words.count > 2, words[2] == "cgroup2" { return String(words[1]) }
        }
        return nil
    }()

    func store(
        scope: SocketPlace.Scope = .all,
        transports: Set<TransportProtocol> = [.tcp, .udp],
        sizes: SocketMapSizes = SocketMapSizes()
    ) -> SocketStore {
        SocketStore(
            family: family,
            place: SocketPlace(
                cgroup: cgroup,
                directory: directory,
                scope: scope,
                transports: transports
            ),
            sizes: sizes
        )
    }

    func agent(inNewNamespace: Bool = false, below: String = "") throws -> SocketAgent {
        try SocketAgent(cgroup: cgroup + below, inNewNamespace: inNewNamespace)
    }

    /// An agent that serves the endpoints itself, of this namespace's loopback link.
    func agent(serving endpoints: [SocketAddress]) throws -> SocketAgent {
        for address in Set(endpoints.map(\.address)) { try add(address) }
        let agent = try agent()
        for endpoint in endpoints {
            let answer = try agent.ask("serve \(endpoint.address) \(endpoint.port)")
            guard answer == "serving" else {
                throw Program.Failure(description: "\(endpoint): \(answer)")
            }
        }
        return agent
    }

    func add(_ address: IPAddress) throws {
        let words = ["ip", "addr", "add", "\(address)/\(address.family.bitWidth)", "dev", "lo"]
        try Program.check(words + (address.family == .ipv6 ? ["nodad"] : []))
    }

    @discardableResult
    func apply(_ state: SocketState, through store: SocketStore) throws -> ApplyReport {
        try store.apply(SocketDiff(from: store.observe().state, to: state))
    }
}

/// Addresses of the tests: cluster addresses that nothing routes to, and endpoints.
struct SocketNames {
    let family: IPFamily

    func cluster(_ number: Int) -> IPAddress { address("10.96.0", "fd00:96:", number) }
    func pod(_ number: Int) -> IPAddress { address("10.244.0", "fd00:244:", number) }
    func node(_ number: Int) -> IPAddress { address("192.0.2", "2001:db8:", number) }
    var loopback: IPAddress { IPAddress(family: family, bits: family == .ipv4 ? 0x7f00_0001 : 1) }
    var digit: String { family == .ipv4 ? "4" : "6" }

    private func address(_ four: String, _ six: String, _ number: Int) -> IPAddress {
        guard let address = IPAddress(family == .ipv4 ? "\(four).\(number)" : "\(six):\(number)")
        else {
            fatalError("\(number)")
        }
        return address
    }

    static func port(_ number: Int) -> PortNumber {
        guard let port = PortNumber(number) else { fatalError("\(number)") }
        return port
    }

    func endpoint(_ number: Int) -> SocketAddress {
        SocketAddress(pod(number), Self.port(8000 + number))
    }

    func frontend(
        _ address: IPAddress?,
        _ port: Int,
        _ transport: TransportProtocol = .tcp
    ) -> SocketFrontend {
        SocketFrontend(address: address, port: Self.port(port), transport: transport)
    }
}

extension SocketState {
    mutating func add(
        _ frontends: [SocketFrontend],
        group number: UInt32,
        _ slots: [SocketAddress],
        choice: SocketGroup.Choice = .random,
        affinity: UInt32? = nil
    ) {
        for frontend in frontends { self.frontends[frontend] = .group(number) }
        groups[number] = SocketGroup(
            choice: choice,
            affinityTimeoutSeconds: affinity,
            isForDatagrams: frontends.contains { $0.transport == .udp },
            slots: slots
        )
    }
}

extension SocketStore {
    /// Lets all affinities be older, at most as old as the machine's clock.
    func ageAffinity(by seconds: UInt64) throws {
        let map = try #require(maps).the(.affinity)
        var entries = try map.entries(lb_client.self, lb_affinity.self)
        for index in entries.values.indices {
            let last = entries.values[index].last_used
            entries.values[index].last_used -= min(last, seconds * 1_000_000_000)
        }
        #expect(!entries.keys.isEmpty)
        #expect(map.set(entries).isEmpty)
    }
}
