import ServiceModel

/// Packet marks by which IPVS knows the Service port that an internal client meant, for ports whose
/// external policy is Local: such clients may use all endpoints, others only those on this node.
struct InternalMarks: Sendable {
    /// The bits of a mark: 15 in the half without the masquerade bit, and never the highest, as
    /// ipvsadm reads marks as signed numbers. A mark is never zero there.
    let field: UInt32
    private var numbers = NumberTable<ServicePortName>(count: 0x7fff) { NameScheme.number(of: $0) }

    init(masqueradeBit: UInt32) {
        field = masqueradeBit < 1 << 16 ? 0x7fff_0000 : 0x0000_7fff
    }

    /// Adds and removes ports and returns those whose mark is another one now, or is gone.
    mutating func update(
        removing old: Set<ServicePortName>,
        adding new: Set<ServicePortName>
    ) -> Set<ServicePortName> {
        numbers.update(removing: old, adding: new)
    }

    /// Nil without a mark: the port was not added, or all 32,767 are in use.
    subscript(port: ServicePortName) -> UInt32? { numbers.numbers[port].map(mark) }

    /// Of all ports that have one.
    var marks: [ServicePortName: UInt32] { numbers.numbers.mapValues(mark) }

    private func mark(_ number: UInt32) -> UInt32 { field & 1 == 0 ? number << 16 : number }
}
