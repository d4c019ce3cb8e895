package import Addressing

/// The name of an IPVS scheduler as the kernel knows it (`wrr`), 1 to 15 bytes.
package struct SchedulerName: Sendable, Hashable, CustomStringConvertible {
    package let text: String

    package init(_ text: String) {
        self.text = text
    }

    package var description: String { text }
}

/// A frontend that IPVS balances, and the real servers behind it (`ip_vs_service_user`).
package struct VirtualServer: Sendable {
    /// What a packet is recognised by.
    package enum Key: Sendable, Hashable, Comparable {
        /// Its destination.
        case frontend(SocketAddress, TransportProtocol)
        /// Its whole mark, whatever its destination; such a server wins over one by destination.
        case mark(UInt32, IPFamily)
    }

    package var key: Key
    package var scheduler: SchedulerName
    /// `sh` and `mh` look at the source port too (`sh-port`, `mh-port`).
    package var hashesSourcePort: Bool
    /// How long a client keeps its real server after its last connection, in seconds; nil without
    /// affinity.
    package var persistenceSeconds: UInt32?
    package var realServers: [RealServer.Key: RealServer]
    /// Whose frontend it is; shown in plans, not kept by the kernel and so no part of equality.
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

    /// Equal but for the real servers.
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

    /// Nil for a server by mark.
    package var address: IPAddress? {
        guard case .frontend(let socket, _) = self else { return nil }
        return socket.address
    }

    /// Frontends by address, port and protocol, then marks.
    package static func < (left: Self, right: Self) -> Bool {
        switch (left, right) {
        case (.frontend(let one, let transport), .frontend(let other, let otherTransport)):
            (one, transport) < (other, otherTransport)
        case (.mark(let one, let family), .mark(let other, let otherFamily)):
            (family, one) < (otherFamily, other)
        case (.frontend, .mark): true
        case (.mark, .frontend): false
        }
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

/// Where IPVS sends connections (`ip_vs_dest_user`).
package struct RealServer: Sendable, Hashable {
    /// Its identity within a virtual server.
    package typealias Key = SocketAddress

    package var key: Key
    package var forwarding: ForwardingMethod
    /// Its share of new connections relative to the others'; 0 takes none.
    package var weight: UInt32

    package init(_ key: Key, forwarding: ForwardingMethod = .masquerade, weight: UInt32 = 1) {
        self.key = key
        self.forwarding = forwarding
        self.weight = weight
    }
}

/// How packets get to a real server; the raw values are `IP_VS_CONN_F_*`.
package enum ForwardingMethod: UInt32, Sendable, Hashable, CaseIterable {
    /// Destination translated; answers come back through here.
    case masquerade = 0
    /// To this host itself; the kernel shows it for local real servers and takes it as masquerade.
    case localNode = 1
    /// Wrapped in IP; the real server answers the client itself.
    case tunnel = 2
    /// Sent on unchanged by its link address; the real server answers the client itself.
    case directRoute = 3
}
