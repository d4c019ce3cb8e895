import ServiceModel

/// Packet marks by which IPVS knows the Service port that an internal client meant, for ports whose
/// external policy is Local: such clients may use all endpoints, others only those here.
///
/// The marks follow from the set of ports alone, not from the order in which they came.
struct InternalMarks: Sendable {
    /// The bits a mark may have: 15 in the half of the mark without the masquerade bit, and never
    /// the highest, as ipvsadm takes marks for signed numbers. A mark is never zero there.
    let field: UInt32
    private var members: Set<ServicePortName> = []
    private(set) var marks: [ServicePortName: UInt32] = [:]

    init(masqueradeBit: UInt32) {
        field = masqueradeBit < 1 << 16 ? 0x7fff_0000 : 0x0000_7fff
    }

    /// Adds and removes ports and returns those whose mark is another one now.
    mutating func update(
        removing old: Set<ServicePortName>,
        adding new: Set<ServicePortName>
    ) -> Set<ServicePortName> {
        let next = members.subtracting(old).union(new)
        guard next != members else { return [] }
        members = next
        let before = marks
        marks = assign()
        return Set(before.keys).union(marks.keys).filter { before[$0] != marks[$0] }
    }

    /// Each port's own number if it is free, else the next free one, in the order of names. With
    /// 32,767 marks given out the rest go without.
    private func assign() -> [ServicePortName: UInt32] {
        let count: UInt64 = 0x7fff
        var taken: Set<UInt32> = []
        var result: [ServicePortName: UInt32] = [:]
        for member in members.sorted() where taken.count < Int(count) {
            var slot = UInt32(NameScheme.number(of: member) % count) + 1
            while !taken.insert(slot).inserted { slot = slot % UInt32(count) + 1 }
            result[member] = field & 1 == 0 ? slot << 16 : slot
        }
        return result
    }
}
