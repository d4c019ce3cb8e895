package import Addressing

/// The kernel's name of an IPVS scheduler (`wrr`), 1 to 15 bytes.
package struct SchedulerName: Sendable, Hashable, CustomStringConvertible {
    package let text: String

    package init(_ text: String) {
        self.text = text
    }

    package var description: String { text }
}

/// A frontend balanced by IPVS, and its real servers (`ip_vs_service_user`).
package struct VirtualServer: Sendable {
    /// How packets for the virtual server are recognised; orders frontends before marks.
    package enum Key: Sendable, Hashable, Comparable {
        /// By destination.
        case frontend(SocketAddress, TransportProtocol)
        /// By the whole packet mark, whatever the destination; takes precedence over one by
        /// destination.
        case mark(UInt32, IPFamily)
    }

    package var key: Key
    package var scheduler: SchedulerName
    /// `sh` and `mh` also hash the source port (`sh-port`, `mh-port`).
    package var hashesSourcePort: Bool
    /// How long a client keeps its real server after its last connection, in seconds; nil without
    /// session affinity.
    package var persistenceSeconds: UInt32?
    package var realServers: [RealServer.Key: RealServer]
    /// The Service of the frontend; shown in plans but not stored in the kernel, so not part of
    /// equality.
    package var title: String?

    package init(
        _ key: Key,
        scheduler: SchedulerName,
        hashesSourcePort: Bool = false,
        persistenceSeconds: UInt32? = nil,
        realServers: [RealServer.Key: RealServer] = [:],
        title: String? = nil
    ) {
        self.key = key
        self.scheduler = scheduler
        self.hashesSourcePort = hashesSourcePort
        self.persistenceSeconds = persistenceSeconds
        self.realServers = realServers
        self.title = title
    }

    package var sortedRealServers: [RealServer] {
        realServers.values.sorted { $0.key < $1.key }
    }
}

extension VirtualServer: Equatable {
    package static func == (left: VirtualServer, right: VirtualServer) -> Bool {
        left.key == right.key && left.hasSameAttributes(as: right)
            && left.realServers == right.realServers
    }

    /// Equal except for the real servers.
    package func hasSameAttributes(as other: VirtualServer) -> Bool {
        scheduler == other.scheduler && hashesSourcePort == other.hashesSourcePort
            && persistenceSeconds == other.persistenceSeconds
    }
}

extension VirtualServer.Key {
    package var family: IPFamily {
        switch self {
        case .frontend(let socket, _): socket.address.family
        case .mark(_, let family): family
        }
    }

    /// Nil for a virtual server by mark.
    package var address: IPAddress? {
        guard case .frontend(let socket, _) = self else { return nil }
        return socket.address
    }
}

extension VirtualServer.Key: CustomStringConvertible {
    /// `10.96.0.10:80/tcp` or `mark 0x10000`.
    package var description: String {
        switch self {
        case .frontend(let socket, let transport): "\(socket)/\(transport.keyword)"
        case .mark(let mark, _): "mark 0x\(String(mark, radix: 16))"
        }
    }
}

/// A destination of IPVS connections (`ip_vs_dest_user`).
package struct RealServer: Sendable, Hashable {
    /// Its identity within a virtual server.
    package typealias Key = SocketAddress

    package var key: Key
    package var forwarding: ForwardingMethod
    /// Its share of new connections relative to the others; 0 gets none.
    package var weight: UInt32

    package init(_ key: Key, forwarding: ForwardingMethod = .masquerade, weight: UInt32 = 1) {
        self.key = key
        self.forwarding = forwarding
        self.weight = weight
    }
}

/// How packets reach a real server; the raw values are `IP_VS_CONN_F_*`.
package enum ForwardingMethod: UInt32, Sendable, Hashable, CaseIterable {
    /// Translates the destination; replies come back through this node.
    case masquerade = 0
    /// This host itself; the kernel shows it for local real servers and accepts it as masquerade.
    case localNode = 1
    /// Encapsulates packets in IP; the real server replies to the client directly.
    case tunnel = 2
    /// Forwards packets unchanged to its link address; the real server replies to the client
    /// directly.
    case directRoute = 3
}
