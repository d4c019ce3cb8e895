import Addressing
package import DataplaneModel
import Glibc

extension VirtualServerStore {
    /// How many changes are worked on at once: enough to fill several sends, few enough that their
    /// messages take little memory.
    static let portion = 1000

    /// Makes what comes: creations, edits, and real servers that are added or edited; a real or
    /// virtual server that drains is taken back into use. Ignores changes that remove.
    ///
    /// What the kernel refuses, and what would touch a foreign virtual server, is in the report's
    /// failures; all the rest is done.
    package func make(_ changes: [VirtualServerChange]) throws(DataplaneError) -> ApplyReport {
        rival = nil
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
        // Virtual servers before all real ones: a real server sent along with a virtual one that
        // is refused because it exists would be added to somebody else's.
        var destinations: [IPVSRequest] = []
        let refused = try makeServices(changes, socket, &destinations, &report)
        for change in changes {
            switch change {
            case .create(let server):
                if refused.contains(server.key) { continue }
                drains[server.key] = nil
                destinations += server.sortedRealServers.map {
                    .newDestination(server.key, DestinationRecord($0))
                }
            case .addRealServer(let key, let server):
                let isDraining = drains[key]?.realServers.contains(server.key) ?? false
                let record = DestinationRecord(server)
                destinations.append(
                    isDraining ? .setDestination(key, record) : .newDestination(key, record)
                )
            case .editRealServer(let key, _, let server):
                destinations.append(.setDestination(key, DestinationRecord(server)))
            case .edit, .delete, .removeRealServer: break
            }
        }
        try putDestinations(destinations, socket, &report)
    }

    /// Creates and edits the virtual servers themselves. Returns those that were there already: the
    /// foreign ones are reported, ours are taken back, with what that needs of real servers in
    /// `destinations`.
    private func makeServices(
        _ changes: [VirtualServerChange],
        _ socket: IPVSSocket,
        _ destinations: inout [IPVSRequest],
        _ report: inout ApplyReport
    ) throws(DataplaneError) -> Set<VirtualServer.Key> {
        var wanted: [VirtualServer.Key: VirtualServer] = [:]
        var requests: [IPVSRequest] = []
        for change in changes {
            switch change {
            case .create(let server):
                wanted[server.key] = server
                note(server.scheduler, of: server.key)
                requests.append(.newService(ServiceRecord(server, ownership)))
            case .edit(_, let server):
                note(server.scheduler, of: server.key)
                requests.append(.setService(ServiceRecord(server, ownership)))
            case .addRealServer, .editRealServer, .delete, .removeRealServer: break
            }
        }
        let refusals = try socket.carryOut(requests)
        report.operations += requests.count - refusals.count
        var refused: Set<VirtualServer.Key> = []
        for refusal in refusals {
            refused.insert(refusal.request.key)
            if refusal.error.errno == EEXIST, let server = wanted[refusal.request.key] {
                try takeBack(server, socket, &destinations, &report)
            } else {
                report.failures.append(scoped(refusal))
            }
        }
        known.formUnion(wanted.keys.filter { !refused.contains($0) })
        return refused
    }

    /// Without the scheduler that all have by default, or the capability, nothing is served at all.
    private func scoped(_ refusal: IPVSSocket.Refusal) -> DataplaneError {
        var error = refusal.error
        if error.kind == .notPermitted { error.scope = .family }
        if case .newService(let record) = refusal.request, error.kind == .unsupported,
            isIndispensable(record.scheduler)
        {
            error.scope = .family
        }
        return error
    }

    /// Makes a virtual server that is there already the wanted one, if it is ours or was before it
    /// lost its signature.
    private func takeBack(
        _ server: VirtualServer,
        _ socket: IPVSSocket,
        _ destinations: inout [IPVSRequest],
        _ report: inout ApplyReport
    ) throws(DataplaneError) {
        let present = try socket.service(server.key)
        let destinationsThere = try socket.destinations(of: server.key)
        if present?.flags.bear(ownership) != true,
            let objection = try objection(to: destinationsThere, inPlaceOf: server)
        {
            report.failures.append(clash(server, objection))
            return
        }
        let refusals = try socket.carryOut([.setService(ServiceRecord(server, ownership))])
        report.failures += refusals.map(\.error)
        guard refusals.isEmpty else { return }
        report.operations += 1
        known.insert(server.key)
        var drain = Drain()
        var missing = server.realServers
        for var record in destinationsThere {
            if let wanted = missing.removeValue(forKey: record.key) {
                guard record.realServer != wanted || record.drainDeadline != nil else { continue }
                destinations.append(.setDestination(server.key, DestinationRecord(wanted)))
            } else if record.drainDeadline != nil {
                drain.realServers.insert(record.key)
            } else if let end = realServerDeadline(for: server.key) {
                record.drain(until: end)
                drain.realServers.insert(record.key)
                destinations.append(.setDestination(server.key, record))
            } else {
                destinations.append(.deleteDestination(server.key, record.key))
            }
        }
        drains[server.key] = drain.realServers.isEmpty ? nil : drain
        destinations += missing.values.sorted { $0.key < $1.key }.map {
            .newDestination(server.key, DestinationRecord($0))
        }
    }

    /// Adds and edits real servers. One that is there though it should be new is set instead, one
    /// that is not there though it should be changed is added.
    private func putDestinations(
        _ requests: [IPVSRequest],
        _ socket: IPVSSocket,
        _ report: inout ApplyReport
    ) throws(DataplaneError) {
        for request in requests {
            switch request {
            case .newDestination(let key, let record), .setDestination(let key, let record):
                if record.drainDeadline == nil { stopDraining(record.key, of: key) }
            default: break
            }
        }
        var again: [IPVSRequest] = []
        let refusals = try socket.carryOut(requests)
        report.operations += requests.count - refusals.count
        for refusal in refusals {
            switch (refusal.request, refusal.error.errno) {
            case (.newDestination(let key, let record), EEXIST):
                again.append(.setDestination(key, record))
            case (.setDestination(let key, let record), ENOENT):
                again.append(.newDestination(key, record))
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
