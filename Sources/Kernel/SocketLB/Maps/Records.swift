import Addressing
import CSocketLB
import DataplaneModel

// The form that values have in maps; see `maps.h`.

/// What stands before an IPv4 address.
private let mapped: UInt128 = 0xffff_0000_0000

extension lb_address {
    init(_ address: IPAddress) {
        let bits = address.family == .ipv4 ? mapped | address.bits : address.bits
        func word(_ shift: UInt128) -> UInt32 {
            UInt32(truncatingIfNeeded: bits >> shift).bigEndian
        }
        self.init(words: (word(96), word(64), word(32), word(0)))
    }

    private var bits: UInt128 {
        UInt128(UInt32(bigEndian: words.0)) << 96 | UInt128(UInt32(bigEndian: words.1)) << 64
            | UInt128(UInt32(bigEndian: words.2)) << 32 | UInt128(UInt32(bigEndian: words.3))
    }

    var isUnspecified: Bool { bits == 0 }

    /// Nil for an address of the other family.
    func ip(_ family: IPFamily) -> IPAddress? {
        guard (bits >> 32 == mapped >> 32) == (family == .ipv4) else { return nil }
        return IPAddress(family: family, bits: bits)
    }
}

extension lb_endpoint {
    init(_ endpoint: SocketAddress) {
        self.init(
            address: lb_address(endpoint.address),
            port: endpoint.port.value.bigEndian,
            reserved: 0
        )
    }

    func socketAddress(_ family: IPFamily) -> SocketAddress? {
        guard let ip = address.ip(family), let port = PortNumber(Int(UInt16(bigEndian: port)))
        else {
            return nil
        }
        return SocketAddress(ip, port)
    }
}

extension lb_frontend {
    init(_ frontend: SocketFrontend) {
        self.init(
            address: frontend.address.map { lb_address($0) } ?? lb_address(),
            port: frontend.port.value.bigEndian,
            protocol: frontend.transport.number,
            is_node_port: frontend.address == nil ? 1 : 0
        )
    }

    /// Nil for what Fairlead does not write.
    func frontend(_ family: IPFamily) -> SocketFrontend? {
        guard let port = PortNumber(Int(UInt16(bigEndian: port))),
            let transport = TransportProtocol(number: `protocol`)
        else { return nil }
        switch is_node_port {
        case 0:
            guard let ip = address.ip(family) else { return nil }
            return SocketFrontend(address: ip, port: port, transport: transport)
        case 1 where address.isUnspecified:
            return SocketFrontend(address: nil, port: port, transport: transport)
        default: return nil
        }
    }
}

extension lb_action {
    init(_ action: SocketAction) {
        switch action {
        case .group(let number): self.init(kind: LB_GROUP.rawValue, group: number)
        case .refuse: self.init(kind: LB_REFUSE.rawValue, group: 0)
        case .leave: self.init(kind: LB_LEAVE.rawValue, group: 0)
        }
    }

    /// Nil for what Fairlead does not write.
    var action: SocketAction? {
        switch (kind, group) {
        case (LB_GROUP.rawValue, 1...): .group(group)
        case (LB_REFUSE.rawValue, 0): .refuse
        case (LB_LEAVE.rawValue, 0): .leave
        default: nil
        }
    }
}

extension lb_group {
    init(_ group: SocketGroup) {
        self.init(
            slots: UInt32(group.slots.count),
            choice: group.choice.rawValue,
            affinity_seconds: group.affinityTimeoutSeconds ?? 0,
            is_for_datagrams: group.isForDatagrams ? 1 : 0
        )
    }

    /// The group with its endpoints; nil for what Fairlead does not write.
    func group(slots: [SocketAddress]) -> SocketGroup? {
        guard let choice = SocketGroup.Choice(rawValue: choice), !slots.isEmpty,
            is_for_datagrams <= 1
        else { return nil }
        return SocketGroup(
            choice: choice,
            affinityTimeoutSeconds: affinity_seconds == 0 ? nil : affinity_seconds,
            isForDatagrams: is_for_datagrams != 0,
            slots: slots
        )
    }
}

extension SocketGroup {
    /// The keys of `SocketMapName.members`: none if nothing is kept.
    var members: Set<SocketAddress> {
        affinityTimeoutSeconds == nil && !isForDatagrams ? [] : Set(slots)
    }
}
