package import Addressing
import CNetlink
package import DataplaneModel
import Glibc
import HostFacts
package import Netlink
package import XTables

/// Our sets for one family.
///
/// Works in the network namespace of the calling thread, which must be the dataplane thread.
/// Changes come in two stages, so that rules can be changed between them: a set must be there
/// before a rule asks it, and cannot go before.
package final class IPSetStore {
    package let family: IPFamily
    private let traffic: NetlinkTraffic
    private let owns: (String) -> Bool

    /// `owns` says by its name whether a set is ours; nothing else is ever changed. It must also
    /// hold for our names with a few bytes of the end cut off or a `~` behind them.
    package init(
        family: IPFamily,
        traffic: NetlinkTraffic = NetlinkTraffic(),
        owns: @escaping (String) -> Bool
    ) {
        self.family = family
        self.traffic = traffic
        self.owns = owns
    }

    /// Our sets with all their entries; `.unsupported` if the kernel has no ipset.
    ///
    /// A set of Fairlead's name that Fairlead would not create like this has an `unexpectedProperty`.
    package func observe() throws(DataplaneError) -> [IPSetName: IPSet] {
        var connection = try IPSetConnection(family, traffic)
        var sets: [IPSetName: IPSet] = [:]
        for header in try connection.headers() where owns(header.name) {
            // Nil if it was destroyed meanwhile.
            if let set = try connection.set(header.name) { sets[set.name] = set }
        }
        return sets
    }

    /// The numbers of our sets, for rules; `.unsupported` if the kernel has no ipset.
    package func indexes() throws(DataplaneError) -> SetIndexes {
        try indexes(newestProtocol: UInt8(IPSET_PROTOCOL))
    }

    /// Makes, fills, enlarges and replaces sets and adds entries. What is only removed stays until
    /// `remove`.
    ///
    /// What the kernel refuses is in `failures`, and the rest is done.
    package func make(_ changes: [IPSetChange]) throws(DataplaneError) -> ApplyReport {
        if changes.allSatisfy(\.onlyRemoves) { return ApplyReport() }
        var edit = try IPSetEdit(family, traffic)
        for change in changes {
            switch change {
            case .create(let set): try edit.create(set)
            case .replace(let set): try edit.replace(set)
            case .update(let update) where !update.added.isEmpty: try edit.add(update)
            case .update, .destroy: break
            }
        }
        return edit.report
    }

    /// Removes entries and destroys sets: to be called when no rule asks those sets any more.
    ///
    /// A set that is still in use stays and is in `failures` as `.busy`.
    package func remove(_ changes: [IPSetChange]) throws(DataplaneError) -> ApplyReport {
        if changes.allSatisfy(\.removesNothing) { return ApplyReport() }
        var edit = try IPSetEdit(family, traffic)
        for change in changes {
            switch change {
            case .update(let update) where !update.removed.isEmpty: try edit.remove(update)
            case .destroy(let set): try edit.destroy(set.name)
            case .create, .replace, .update: break
            }
        }
        return edit.report
    }
}

// MARK: Looking without reading

extension IPSetStore {
    /// How full a set is.
    package struct Occupancy: Sendable, Equatable {
        package var entries: Int
        package var capacity: Int

        package init(entries: Int, capacity: Int) {
            self.entries = entries
            self.capacity = capacity
        }
    }

    /// How full the sets are whose names `owns` picks, without reading an entry: most changes of
    /// other programs show in it.
    package static func entryCounts(
        owns: (String) -> Bool
    ) throws(DataplaneError) -> [IPSetName: Occupancy] {
        // Which family matters for no header.
        var connection = try IPSetConnection(.ipv4, NetlinkTraffic())
        var counts: [IPSetName: Occupancy] = [:]
        for header in try connection.headers() where owns(header.name) {
            counts[IPSetName(header.name)] =
                Occupancy(entries: header.elements, capacity: header.capacity)
        }
        return counts
    }

    func indexes(newestProtocol: UInt8) throws(DataplaneError) -> SetIndexes {
        var connection = try IPSetConnection(family, newest: newestProtocol, traffic)
        var found: [IPSetName: UInt16] = [:]
        for header in try connection.headers() where owns(header.name) {
            if let index = header.index {
                found[IPSetName(header.name)] = index
            } else if let index = try XTablesSocket(.ipv4).setIndex(of: header.name) {
                // Protocol 6 does not tell, and iptables' own question does.
                found[IPSetName(header.name)] = index
            }
        }
        return SetIndexes(found)
    }
}

extension IPSetChange {
    fileprivate var onlyRemoves: Bool {
        switch self {
        case .create, .replace: false
        case .update(let update): update.added.isEmpty
        case .destroy: true
        }
    }

    fileprivate var removesNothing: Bool {
        switch self {
        case .create, .replace: true
        case .update(let update): update.removed.isEmpty
        case .destroy: false
        }
    }
}

extension XTablesSocket {
    /// The number of a set by its name; nil if there is none. The corresponding request is
    /// `IP_SET_OP_GET_BYNAME`.
    fileprivate func setIndex(of name: String) throws(DataplaneError) -> UInt16? {
        var request = ip_set_req_get_set()
        request.op = UInt32(IP_SET_OP_GET_BYNAME)
        request.version = UInt32(IPSET_PROTOCOL_MIN)
        unsafe withUnsafeMutableBytes(of: &request.set) { bytes in
            for (index, byte) in name.utf8.enumerated() { unsafe bytes[index] = byte }
        }
        let failure = unsafe withUnsafeMutableBytes(of: &request) {
            unsafe get(Int32(SO_IP_SET), $0)
        }
        guard failure == 0 else { throw .system("IP_SET_OP_GET_BYNAME", "set \(name)", failure) }
        let index = unsafe request.set.index
        return index == UInt16(IPSET_INVALID_ID) ? nil : index
    }
}
