package import Addressing
package import DataplaneModel
import Glibc

/// What `VirtualServerStore.finishDrains` found and did.
package struct DrainReport: Sendable, Equatable {
    /// Real servers that still drain.
    package var draining = 0
    /// Real servers deleted now.
    package var finished = 0
    /// Addresses with a virtual server that is there only for what drains.
    package var addresses: Set<IPAddress> = []
    /// What the kernel refused to delete.
    package var failures: [DataplaneError] = []

    package init() {}
}

extension VirtualServerStore {
    /// Removes what goes: real servers and whole virtual servers, at once or, where connections can
    /// be waited for, by letting them drain. Ignores changes that make.
    ///
    /// What is gone already counts as removed.
    package func remove(_ changes: [VirtualServerChange]) throws(DataplaneError) -> ApplyReport {
        try withSocket { (socket) throws(DataplaneError) in
            var report = ApplyReport()
            for start in stride(from: 0, to: changes.count, by: Self.portion) {
                let end = min(start + Self.portion, changes.count)
                var requests: [IPVSRequest] = []
                for change in changes[start..<end] where exclusion(of: change.key) == nil {
                    switch change {
                    case .removeRealServer(let key, let server):
                        requests.append(removal(of: server, from: key))
                    case .delete(let server): requests += removal(of: server)
                    case .create, .edit, .addRealServer, .editRealServer: break
                    }
                }
                let failures = try delete(requests, socket)
                report.operations += requests.count - failures.count
                report.failures += failures
            }
            return report
        }
    }

    /// Carries out requests that remove, and returns the refusals but for what is gone already.
    private func delete(
        _ requests: [IPVSRequest],
        _ socket: IPVSSocket
    ) throws(DataplaneError) -> [DataplaneError] {
        try socket.carryOut(requests).map(\.error).filter {
            $0.errno != ESRCH && $0.errno != ENOENT
        }
    }

    private func removal(
        of server: RealServer,
        from key: VirtualServer.Key
    ) -> IPVSRequest {
        if let end = realServerDeadline(for: key) { return drain(server, of: key, until: end) }
        stopDraining(server.key, of: key)
        return .deleteDestination(key, server.key)
    }

    private func removal(of server: VirtualServer) -> [IPVSRequest] {
        let drainsAlready = !(drains[server.key]?.realServers.isEmpty ?? true)
        guard let end = deadline(for: server.key), drainsAlready || !server.realServers.isEmpty
        else {
            drains[server.key] = nil
            known.remove(server.key)
            return [.deleteService(server.key)]
        }
        // The real servers first: should this end in between, the virtual server is still listed.
        let requests = server.sortedRealServers.map { drain($0, of: server.key, until: end) }
        drains[server.key]?.isGoingAway = true
        return requests + [.setService(ServiceRecord(server, ownership, goingAway: true))]
    }

    private func drain(
        _ server: RealServer,
        of key: VirtualServer.Key,
        until end: DrainDeadline
    ) -> IPVSRequest {
        drains[key, default: Drain()].realServers.insert(server.key)
        return .setDestination(key, DestinationRecord(draining: server, until: end))
    }
}

// MARK: Draining

extension VirtualServerStore {
    /// Addresses with a virtual server that is there only for what drains.
    package var drainingAddresses: Set<IPAddress> {
        Set(drains.compactMap { $0.value.isGoingAway ? $0.key.address : nil })
    }

    /// Deletes the draining real servers that have no connections any more, had time enough, or are
    /// not waited for now, and virtual servers whose last one that was. Asks only about virtual servers with real servers
    /// that drain, as seen by the last observation and begun since; without any it does nothing.
    package func finishDrains() throws(DataplaneError) -> DrainReport {
        var report = DrainReport()
        if drains.isEmpty { return report }
        try withSocket { (socket) throws(DataplaneError) in
            let now = DrainDeadline.now()
            var requests: [IPVSRequest] = []
            for key in drains.keys.sorted() {
                requests += try finished(key, now, socket, &report)
            }
            report.failures = try delete(requests, socket)
        }
        report.addresses = drainingAddresses
        return report
    }

    /// What can be deleted of a virtual server; brings `drains` up to date.
    private func finished(
        _ key: VirtualServer.Key,
        _ now: DrainDeadline,
        _ socket: IPVSSocket,
        _ report: inout DrainReport
    ) throws(DataplaneError) -> [IPVSRequest] {
        guard var drain = drains.removeValue(forKey: key) else { return [] }
        if drain.isGoingAway {
            // Somebody may have deleted it and made one of their own.
            guard let flags = try socket.service(key)?.flags, flags.bear(ownership),
                flags.contains(.goingAway)
            else { return [] }
        }
        let end = drain.isGoingAway ? deadline(for: key) : realServerDeadline(for: key)
        var finished: [RealServer.Key] = []
        drain.realServers = []
        for destination in try socket.destinations(of: key) {
            if destination.hasDrained(now, waits: end != nil) {
                finished.append(destination.key)
            } else if destination.drainDeadline != nil {
                drain.realServers.insert(destination.key)
            }
        }
        report.finished += finished.count
        report.draining += drain.realServers.count
        if drain.isGoingAway, drain.realServers.isEmpty {
            known.remove(key)
            return [.deleteService(key)]
        }
        if !drain.realServers.isEmpty { drains[key] = drain }
        return finished.map { .deleteDestination(key, $0) }
    }
}

extension DestinationRecord {
    /// False for a real server that is in use; without `waits` connections do not matter.
    fileprivate func hasDrained(_ now: DrainDeadline, waits: Bool) -> Bool {
        guard let drainDeadline else { return false }
        return !waits || now >= drainDeadline || activeConnections == 0 && inactiveConnections == 0
    }
}
