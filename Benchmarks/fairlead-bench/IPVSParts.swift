import Addressing
import DataplaneModel
import IPSets
import IPVS
import Netlink
import NodeAddresses
import Planning
import ServiceModel
import XTables

/// The parts of ipvs mode one by one, in this thread's network namespace.
struct IPVSParts {
    let sets: IPSetStore
    let rules: IPTablesStore
    let servers: VirtualServerStore
    let addresses: AddressStore

    init(_ traffic: NetlinkTraffic = NetlinkTraffic()) {
        let sets = IPSetStore(family: .ipv4, traffic: traffic, owns: IPVSTables.owns(set:))
        self.sets = sets
        rules = IPTablesStore(
            family: .ipv4,
            tables: TableName.allCases,
            sets: { () throws(DataplaneError) in try sets.indexes() },
            owns: Ownership.fairlead.owns(chain:)
        )
        servers = VirtualServerStore(
            family: .ipv4,
            drainTimeout: IPVSTables.drainTimeout,
            traffic: traffic
        )
        addresses = AddressStore(family: .ipv4, traffic: traffic)
    }

    /// Makes all of `diff` part by part, in the order of a pass; rules only if they are wanted.
    func make(
        _ diff: IPVSDiff,
        withRules: Bool
    ) throws -> (sets: Cost, rules: Cost, servers: Cost, addresses: Cost) {
        let sets = try cost { () throws(DataplaneError) in try self.sets.make(diff.sets) }
        let rules =
            withRules
            ? try cost { () throws(DataplaneError) in try self.rules.apply(diff.iptables) }
            : Cost(cpu: 0, wall: 0)
        let servers = try cost { () throws(DataplaneError) in
            try self.servers.make(diff.servers)
        }
        let addresses = try cost { () throws(DataplaneError) in
            try self.addresses.make(diff.addresses)
        }
        return (sets, rules, servers, addresses)
    }

    /// Adding and removing one address beside those that are there, each `count` times.
    func oneAddress(_ workload: Workload, count: Int) throws -> [Cost] {
        let extra = workload.clusterIP(workload.services)
        let changes = (0..<count).flatMap { _ in
            [AddressChange.add(extra), AddressChange.remove(extra)]
        }
        return try Cost.ofEach(changes) { change in
            try requireSuccess(addresses.make([change]))
            try requireSuccess(addresses.remove([change]))
        }
    }

    /// Binds whole ranges, by a route each.
    func bind(_ ranges: [IPPrefix]) throws -> Cost {
        try cost { () throws(DataplaneError) in
            try addresses.make(ranges.map { .addRange($0) })
        }
    }

    private func cost(
        _ work: () throws(DataplaneError) -> ApplyReport
    ) throws -> Cost {
        let (cost, report) = try Cost.of { try work() }
        try requireSuccess(report)
        return cost
    }
}
