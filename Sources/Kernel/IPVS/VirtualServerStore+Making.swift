import Addressing
package import DataplaneModel
import Glibc

extension VirtualServerStore {
    /// How many changes are sent at once: enough to fill several sends, few enough to need little
    /// memory.
    static let portion = 1000

    /// Makes additions and edits of virtual and real servers; draining ones are reused. Ignores
    /// removals.
    ///
    /// What the kernel refuses, and what would change a foreign virtual server, is in the report's
    /// failures; all the rest is done.
    ///
    /// - Throws: `.unsupported` if the kernel has no IPVS.
    package func make(_ changes: [VirtualServerChange]) throws(DataplaneError) -> ApplyReport {
        knownProxy = nil
        return try withSocket { (socket) throws(DataplaneError) in
            var report = ApplyReport()
            for start in stride(from: 0, to: changes.count, by: Self.portion) {
                let end = min(start + Self.portion, changes.count)
                var allowed: [VirtualServerChange] = []
                for change in changes[start..<end] where !change.removes {
                    if let failure = exclusionFailure(change.key) {
                        report.failures.append(failure)
                    } else {
                        allowed.append(change)
                    }
                }
                try make(allowed, socket, &report)
            }
            return report
        }
    }

    private func make(
        _ changes: [VirtualServerChange],
        _ socket: IPVSSocket,
        _ report: inout ApplyReport
    ) throws(DataplaneError) {
        // All virtual servers first: if one is refused because a foreign one exists, its real servers
        // would be added to that.
        var realServers: [IPVSRequest] = []
        let refused = try makeVirtualServers(changes, socket, &realServers, &report)
        for change in changes {
            switch change {
            case .create(let server):
                if refused.contains(server.key) { continue }
                drains[server.key] = nil
                realServers += server.sortedRealServers.map {
                    .newRealServer(server.key, RealServerRecord($0))
                }
            case .addRealServer(let key, let server):
                let isDraining = drains[key]?.realServers.contains(server.key) ?? false
                let record = RealServerRecord(server)
                realServers.append(
                    isDraining ? .setRealServer(key, record) : .newRealServer(key, record)
                )
            case .editRealServer(let key, _, let server):
                realServers.append(.setRealServer(key, RealServerRecord(server)))
            case .edit, .delete, .removeRealServer: break
            }
        }
        try putRealServers(realServers, socket, &report)
    }

    /// Creates and edits the virtual servers themselves. Returns those that were refused. Of those that
    /// existed, foreign ones are reported, and our own are reused, for which `realServers` gets requests.
    private func makeVirtualServers(
        _ changes: [VirtualServerChange],
        _ socket: IPVSSocket,
        _ realServers: inout [IPVSRequest],
        _ report: inout ApplyReport
    ) throws(DataplaneError) -> Set<VirtualServer.Key> {
        var wanted: [VirtualServer.Key: VirtualServer] = [:]
        var requests: [IPVSRequest] = []
        for change in changes {
            switch change {
            case .create(let server):
                wanted[server.key] = server
                note(server.scheduler, of: server.key)
                requests.append(.newVirtualServer(VirtualServerRecord(server, ownership)))
            case .edit(_, let server):
                note(server.scheduler, of: server.key)
                requests.append(.setVirtualServer(VirtualServerRecord(server, ownership)))
            case .addRealServer, .editRealServer, .delete, .removeRealServer: break
            }
        }
        let refusals = try socket.carryOut(requests)
        report.operations += requests.count - refusals.count
        var refused: Set<VirtualServer.Key> = []
        for refusal in refusals {
            refused.insert(refusal.request.key)
            if refusal.error.errno == EEXIST, let server = wanted[refusal.request.key] {
                try reuse(server, socket, &realServers, &report)
            } else {
                report.failures.append(scoped(refusal))
            }
        }
        known.formUnion(wanted.keys.filter { !refused.contains($0) })
        return refused
    }

    /// Without the default scheduler, or the capability, no Service of the family works.
    private func scoped(_ refusal: IPVSSocket.Refusal) -> DataplaneError {
        var error = refusal.error
        if error.kind == .notPermitted { error.scope = .family }
        if case .newVirtualServer(let record) = refusal.request, error.kind == .unsupported,
            isNeededByAll(record.scheduler)
        {
            error.scope = .family
        }
        return error
    }

    /// Changes an existing virtual server to the wanted one, if it was made by Fairlead, even if it lost its
    /// signature.
    private func reuse(
        _ server: VirtualServer,
        _ socket: IPVSSocket,
        _ realServers: inout [IPVSRequest],
        _ report: inout ApplyReport
    ) throws(DataplaneError) {
        let present = try socket.virtualServer(server.key)
        let presentRealServers = try socket.realServers(of: server.key)
        if present?.flags.haveSignature(of: ownership) != true,
            let objection = try objection(to: presentRealServers, inPlaceOf: server)
        {
            report.failures.append(clash(server, objection))
            return
        }
        let refusals = try socket.carryOut([
            .setVirtualServer(VirtualServerRecord(server, ownership))
        ])
        report.failures += refusals.map(\.error)
        guard refusals.isEmpty else { return }
        report.operations += 1
        known.insert(server.key)
        var drain = Drain()
        var missing = server.realServers
        for var record in presentRealServers {
            if let wanted = missing.removeValue(forKey: record.key) {
                guard record.realServer != wanted || record.drainDeadline != nil else { continue }
                realServers.append(.setRealServer(server.key, RealServerRecord(wanted)))
            } else if record.drainDeadline != nil {
                drain.realServers.insert(record.key)
            } else if let end = realServerDeadline(for: server.key) {
                record.drain(until: end)
                drain.realServers.insert(record.key)
                realServers.append(.setRealServer(server.key, record))
            } else {
                realServers.append(.deleteRealServer(server.key, record.key))
            }
        }
        drains[server.key] = drain.realServers.isEmpty ? nil : drain
        realServers += missing.values.sorted { $0.key < $1.key }.map {
            .newRealServer(server.key, RealServerRecord($0))
        }
    }

    /// Adds and edits real servers. If one to add exists, it is edited; if one to edit is missing, it is
    /// added.
    private func putRealServers(
        _ requests: [IPVSRequest],
        _ socket: IPVSSocket,
        _ report: inout ApplyReport
    ) throws(DataplaneError) {
        for request in requests {
            switch request {
            case .newRealServer(let key, let record), .setRealServer(let key, let record):
                if record.drainDeadline == nil { stopDraining(record.key, of: key) }
            default: break
            }
        }
        var again: [IPVSRequest] = []
        let refusals = try socket.carryOut(requests)
        report.operations += requests.count - refusals.count
        for refusal in refusals {
            switch (refusal.request, refusal.error.errno) {
            case (.newRealServer(let key, let record), EEXIST):
                again.append(.setRealServer(key, record))
            case (.setRealServer(let key, let record), ENOENT):
                again.append(.newRealServer(key, record))
            default: report.failures.append(refusal.error)
            }
        }
        let failures = try socket.carryOut(again)
        report.operations += again.count - failures.count
        report.failures += failures.map(\.error)
    }
}

extension VirtualServerChange {
    fileprivate var removes: Bool {
        switch self {
        case .delete, .removeRealServer: true
        case .create, .edit, .addRealServer, .editRealServer: false
        }
    }
}
