/// A change to one virtual or real server.
package enum VirtualServerChange: Sendable, Equatable {
    /// With all its real servers.
    case create(VirtualServer)
    /// Changes its own attributes; real servers have changes of their own.
    case edit(from: VirtualServer, to: VirtualServer)
    case delete(VirtualServer)
    case addRealServer(VirtualServer.Key, RealServer)
    case editRealServer(VirtualServer.Key, from: RealServer, to: RealServer)
    case removeRealServer(VirtualServer.Key, RealServer)

    package var key: VirtualServer.Key {
        switch self {
        case .create(let server), .delete(let server), .edit(_, let server): server.key
        case .addRealServer(let key, _), .editRealServer(let key, _, _),
            .removeRealServer(let key, _):
            key
        }
    }

    /// Number of changed objects.
    package var count: Int {
        guard case .create(let server) = self else { return 1 }
        return 1 + server.realServers.count
    }
}

extension VirtualServerChange {
    /// The changes from one collection of virtual servers to another, sorted by key.
    package static func changes(
        from old: [VirtualServer.Key: VirtualServer],
        to new: [VirtualServer.Key: VirtualServer]
    ) -> [VirtualServerChange] {
        Set(old.keys).union(new.keys).sorted().flatMap { changes(from: old[$0], to: new[$0]) }
    }

    /// The changes of one virtual server to another of the same key; nil means absent.
    package static func changes(
        from old: VirtualServer?,
        to new: VirtualServer?
    ) -> [VirtualServerChange] {
        switch (old, new) {
        case (nil, nil): []
        case (nil, let wanted?): [.create(wanted)]
        case (let present?, nil): [.delete(present)]
        case (let present?, let wanted?): changes(from: present, to: wanted)
        }
    }

    private static func changes(
        from old: VirtualServer,
        to new: VirtualServer
    ) -> [VirtualServerChange] {
        var changes: [VirtualServerChange] = []
        if !old.hasSameAttributes(as: new) { changes.append(.edit(from: old, to: new)) }
        if old.realServers == new.realServers { return changes }
        for server in new.sortedRealServers {
            switch old.realServers[server.key] {
            case nil: changes.append(.addRealServer(new.key, server))
            case let present? where present != server:
                changes.append(.editRealServer(new.key, from: present, to: server))
            default: break
            }
        }
        for server in old.sortedRealServers where new.realServers[server.key] == nil {
            changes.append(.removeRealServer(new.key, server))
        }
        return changes
    }
}
