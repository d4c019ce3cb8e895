package import Addressing
package import DataplaneModel
import Glibc

/// The outcome of `VirtualServerStore.finishDrains`.
package struct DrainReport: Sendable, Equatable {
    /// Real servers that are still draining.
    package var draining = 0
    /// Real servers that were deleted.
    package var finished = 0
    /// Addresses of virtual servers that exist only until their real servers have drained.
    package var addresses: Set<IPAddress> = []
    /// Deletions that the kernel refused.
    package var failures: [DataplaneError] = []

    package init() {}
}

extension VirtualServerStore {
    /// Removes real servers and whole virtual servers, at once or, where connections are waited for, by
    /// letting them drain. Ignores additions and edits.
    ///
    /// What is gone already counts as removed.
    ///
    /// - Throws: `.unsupported` if the kernel has no IPVS.
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

    /// Sends requests that remove, and returns the errors except for what is gone already.
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
        return .deleteRealServer(key, server.key)
    }

    private func removal(of server: VirtualServer) -> [IPVSRequest] {
        let drainsAlready = !(drains[server.key]?.realServers.isEmpty ?? true)
        guard let end = deadline(for: server.key), drainsAlready || !server.realServers.isEmpty
        else {
            drains[server.key] = nil
            known.remove(server.key)
            return [.deleteVirtualServer(server.key)]
        }
        // The real servers first: if this stops in between, the virtual server is still wanted.
        let requests = server.sortedRealServers.map { drain($0, of: server.key, until: end) }
        drains[server.key]?.isGoingAway = true
        return requests + [
            .setVirtualServer(VirtualServerRecord(server, ownership, goingAway: true))
        ]
    }

    private func drain(
        _ server: RealServer,
        of key: VirtualServer.Key,
        until end: DrainDeadline
    ) -> IPVSRequest {
        drains[key, default: Drain()].realServers.insert(server.key)
        return .setRealServer(key, RealServerRecord(draining: server, until: end))
    }
}

// MARK: Draining

extension VirtualServerStore {
    /// Addresses of virtual servers that exist only until their real servers have drained.
    package var drainingAddresses: Set<IPAddress> {
        Set(drains.compactMap { $0.value.isGoingAway ? $0.key.address : nil })
    }

    /// The part of a binding that draining connections may need: all of it while there is a virtual server by mark that
    /// exists only for its connections, as the kernel does not say to which addresses those go.
    package func draining(of binding: AddressBinding) -> AddressBinding {
        let isOneByMark = drains.contains { $0.value.isGoingAway && $0.key.address == nil }
        return isOneByMark ? binding : binding.part(for: drainingAddresses)
    }

    /// Deletes draining real servers that have no connections left, have reached their deadline, or are
    /// not waited for any more, and virtual servers whose last real server that was. Only reads virtual
    /// servers with drains that were observed or begun here; without any it does nothing.
    ///
    /// - Throws: `.unsupported` if the kernel has no IPVS.
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

    /// The deletions for a virtual server. Updates `drains`.
    private func finished(
        _ key: VirtualServer.Key,
        _ now: DrainDeadline,
        _ socket: IPVSSocket,
        _ report: inout DrainReport
    ) throws(DataplaneError) -> [IPVSRequest] {
        guard var drain = drains.removeValue(forKey: key) else { return [] }
        if drain.isGoingAway {
            // Another program may have deleted it and created its own.
            guard let flags = try socket.virtualServer(key)?.flags,
                flags.haveSignature(of: ownership),
                flags.contains(.goingAway)
            else { return [] }
        }
        let end = drain.isGoingAway ? deadline(for: key) : realServerDeadline(for: key)
        var finished: [RealServer.Key] = []
        drain.realServers = []
        for realServer in try socket.realServers(of: key) {
            if realServer.hasDrained(now, waits: end != nil) {
                finished.append(realServer.key)
            } else if realServer.drainDeadline != nil {
                drain.realServers.insert(realServer.key)
            }
        }
        report.finished += finished.count
        report.draining += drain.realServers.count
        if drain.isGoingAway, drain.realServers.isEmpty {
            known.remove(key)
            return [.deleteVirtualServer(key)]
        }
        if !drain.realServers.isEmpty { drains[key] = drain }
        return finished.map { .deleteRealServer(key, $0) }
    }
}

extension RealServerRecord {
    /// False for a real server that is not draining; with `waits` false connections do not matter.
    fileprivate func hasDrained(_ now: DrainDeadline, waits: Bool) -> Bool {
        guard let drainDeadline else { return false }
        return !waits || now >= drainDeadline || activeConnections == 0 && inactiveConnections == 0
    }
}
