package import Addressing
import CIPSet
package import DataplaneModel
import Glibc
import HostFacts
package import Netlink
package import XTables

/// Our sets of one family.
///
/// Works in the network namespace of the calling thread, which must be the dataplane thread.
/// Changes come in two stages, so that rules can be changed between them: a set must be there
/// before a rule asks it, and cannot go before.
package final class IPSetStore {
    package let family: IPFamily
    private let traffic: NetlinkTraffic
    private let owns: (String) -> Bool
    /// Kept from one use to the next: opening it takes two sockets and a request.
    private var connection: IPSetConnection?

    /// `owns` is true for the names of our sets; nothing else is ever changed. It must also be true for
    /// these names with a few bytes cut off the end, or with a `~` behind them.
    package init(
        family: IPFamily,
        traffic: NetlinkTraffic = NetlinkTraffic(),
        owns: @escaping (String) -> Bool
    ) {
        self.family = family
        self.traffic = traffic
        self.owns = owns
    }

    /// Runs `body` with an open connection, which is opened again after an error.
    private func withConnection<Result>(
        _ body: (IPSetConnection) throws(DataplaneError) -> Result
    ) throws(DataplaneError) -> Result {
        let open: IPSetConnection
        if let connection { open = connection } else { open = try IPSetConnection(family, traffic) }
        connection = nil
        let result = try body(open)
        connection = open
        return result
    }

    /// Our sets with all their entries. One that Fairlead would not create that way, as another
    /// program did, has `hasUnexpectedProperty`.
    ///
    /// - Throws: `.unsupported` if the kernel has no ipset.
    package func observe() throws(DataplaneError) -> [IPSetName: IPSet] {
        try withConnection { (connection) throws(DataplaneError) in
            var sets: [IPSetName: IPSet] = [:]
            for header in try connection.headers(owns: owns) {
                // Nil if it was destroyed meanwhile.
                if let set = try connection.set(header) { sets[set.name] = set }
            }
            return sets
        }
    }

    /// The numbers of our sets, for rules.
    ///
    /// - Throws: `.unsupported` if the kernel has no ipset.
    package func indexes() throws(DataplaneError) -> SetIndexes {
        let headers = try withConnection { (connection) throws(DataplaneError) in
            try connection.headers(owns: owns)
        }
        let socket = try XTablesSocket(.ipv4)
        var found: [IPSetName: UInt16] = [:]
        for header in headers {
            // The request that iptables makes, as libipset prints no numbers.
            if let index = try socket.setIndex(of: header.name) {
                found[IPSetName(header.name)] = index
            }
        }
        return SetIndexes(found)
    }

    /// Creates, fills, enlarges and replaces sets, and adds entries; removals wait for `remove`.
    ///
    /// What the kernel refuses is in `failures`, and the rest is done.
    ///
    /// - Throws: `.unsupported` if the kernel has no ipset, or not the type of set.
    package func make(_ changes: [IPSetChange]) throws(DataplaneError) -> ApplyReport {
        if changes.allSatisfy(\.onlyRemoves) { return ApplyReport() }
        return try edit { (edit) throws(DataplaneError) in
            for change in changes {
                switch change {
                case .create(let set): try edit.create(set)
                case .replace(let set): try edit.replace(set)
                case .update(let update) where !update.added.isEmpty: try edit.add(update)
                case .update, .destroy: break
                }
            }
        }
    }

    /// Removes entries and destroys sets: to be called when no rule uses those sets any more.
    ///
    /// A set that is still in use stays and is in `failures` as `.busy`.
    package func remove(_ changes: [IPSetChange]) throws(DataplaneError) -> ApplyReport {
        if changes.allSatisfy(\.removesNothing) { return ApplyReport() }
        return try edit { (edit) throws(DataplaneError) in
            for change in changes {
                switch change {
                case .update(let update) where !update.removed.isEmpty: try edit.remove(update)
                case .destroy(let set): try edit.destroy(set.name)
                case .create, .replace, .update: break
                }
            }
        }
    }

    private func edit(
        _ body: (inout IPSetEdit) throws(DataplaneError) -> Void
    ) throws(DataplaneError) -> ApplyReport {
        try withConnection { (connection) throws(DataplaneError) in
            var edit = IPSetEdit(connection)
            try body(&edit)
            return edit.report
        }
    }
}

extension IPSetStore {
    /// Destroys all sets of this store's; those still in use are in `failures` as `.busy`.
    package func removeEverything() throws(DataplaneError) -> ApplyReport {
        try remove(IPSetChange.changes(from: try observe(), to: [:]))
    }
}

// MARK: Looking without reading

extension IPSetStore {
    /// The types of sets that the kernel lacks for a family, each with the module that has it; asking
    /// may make the kernel load modules. `.unsupported` if it has no sets at all.
    package static func missingKinds(
        _ family: IPFamily
    ) throws(DataplaneError) -> [(kind: IPSetKind, module: String)] {
        let connection = try IPSetConnection(family, NetlinkTraffic())
        var missing: [(kind: IPSetKind, module: String)] = []
        for kind in IPSetKind.allCases {
            do throws(DataplaneError) {
                try connection.require(kind)
            } catch {
                guard error.errno == Int32(IPSET_ERR_FIND_TYPE.rawValue) else { throw error }
                missing.append((kind, kind.module))
            }
        }
        return missing
    }
}

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

    /// How full our sets are, without reading an entry: most foreign changes show in it.
    package func entryCounts() throws(DataplaneError) -> [IPSetName: Occupancy] {
        try withConnection { (connection) throws(DataplaneError) in
            var counts: [IPSetName: Occupancy] = [:]
            for header in try connection.headers(owns: owns) {
                counts[IPSetName(header.name)] =
                    Occupancy(entries: header.elements, capacity: header.capacity)
            }
            return counts
        }
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
    /// The number of a set by its name; nil if there is no such set. The corresponding request is
    /// `IP_SET_OP_GET_BYNAME`.
    fileprivate func setIndex(of name: String) throws(DataplaneError) -> UInt16? {
        var request = ip_set_req_get_set()
        request.op = UInt32(IP_SET_OP_GET_BYNAME)
        request.version = UInt32(IPSET_PROTOCOL_MIN)
        unsafe withUnsafeMutableBytes(of: &request.set) { bytes in
            for (index, byte) in name.utf8.enumerated() { unsafe bytes[index] = byte }
        }
        let failure = get(Int32(SO_IP_SET), into: &request)
        guard failure == 0 else { throw .system("IP_SET_OP_GET_BYNAME", "set \(name)", failure) }
        let index = unsafe request.set.index
        return index == UInt16(IPSET_INVALID_ID) ? nil : index
    }
}
