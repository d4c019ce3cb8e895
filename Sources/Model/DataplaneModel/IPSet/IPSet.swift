package import Addressing

/// The name of an ipset: 1 to 31 bytes of ASCII (`IPSET_MAXNAMELEN` - 1).
package struct IPSetName: Sendable, Hashable, Comparable, CustomStringConvertible {
    package static let maximumLength = 31

    package let text: String

    /// The name must fit and hold no blanks; that is the naming scheme's duty, so it is asserted.
    package init(_ text: String) {
        assert((1...Self.maximumLength).contains(text.utf8.count), "set name \(text)")
        self.text = text
    }

    package var description: String { text }

    package static func < (left: IPSetName, right: IPSetName) -> Bool { left.text < right.text }
}

/// What the entries of a set are made of.
package enum IPSetKind: String, Sendable, Hashable, CaseIterable {
    case address = "hash:ip"
    case frontend = "hash:ip,port"
    case frontendSource = "hash:ip,port,net"
    case port = "bitmap:port"
}

/// One entry of a set; its case belongs to one kind of set.
package enum IPSetEntry: Sendable, Hashable, Comparable {
    case address(IPAddress)
    case frontend(SocketAddress, TransportProtocol)
    /// A range of sources at a frontend; never /0, which the kernel's type cannot hold.
    case frontendSource(SocketAddress, TransportProtocol, IPPrefix)
    case port(PortNumber)

    package static func < (left: IPSetEntry, right: IPSetEntry) -> Bool {
        switch (left, right) {
        case (.address(let one), .address(let other)): one < other
        case (.port(let one), .port(let other)): one < other
        case (.frontend(let one, let transport), .frontend(let other, let otherTransport)):
            (one, transport) < (other, otherTransport)
        case (
            .frontendSource(let one, let transport, let range),
            .frontendSource(let other, let otherTransport, let otherRange)
        ):
            (one, transport, range) < (other, otherTransport, otherRange)
        default: left.rank < right.rank
        }
    }

    private var rank: Int {
        switch self {
        case .address: 0
        case .frontend: 1
        case .frontendSource: 2
        case .port: 3
        }
    }
}

/// A set in the kernel that rules ask about addresses and ports.
package struct IPSet: Sendable {
    package var name: IPSetName
    package var kind: IPSetKind
    package var family: IPFamily
    /// Entries carry a packet mark (the `skbinfo` extension), which a rule can copy to packets.
    package var carriesMarks: Bool
    /// The entries, each with its mark; 0 in a set without marks.
    package var entries: [IPSetEntry: UInt32]
    /// How many entries it can take (`maxelem`). A larger one is as good, so no part of equality.
    package var capacity: Int
    /// What the set is for; shown in plans, not kept by the kernel and so no part of equality.
    package var title: String?
    /// What this model has no words for: another type than `kind`, which is then a stopgap, an
    /// option such as a timeout, or an entry of another shape. Nil in all other sets.
    ///
    /// Only ever observed: such a set is unlike every planned one, and so is replaced or destroyed.
    package var oddity: String?

    /// `capacity` fits the entries, with room to grow, unless it is given.
    package init(
        _ name: IPSetName,
        kind: IPSetKind,
        family: IPFamily,
        carriesMarks: Bool = false,
        entries: [IPSetEntry: UInt32] = [:],
        capacity: Int? = nil,
        title: String? = nil,
        oddity: String? = nil
    ) {
        self.name = name
        self.kind = kind
        self.family = family
        self.carriesMarks = carriesMarks
        self.entries = entries
        self.capacity = capacity ?? Self.capacity(for: entries.count)
        self.title = title
        self.oddity = oddity
    }

    /// A power of two, at least twice what is needed now, so that growing is rare.
    package static func capacity(for count: Int) -> Int {
        var capacity = 2048
        while capacity < 2 * count { capacity *= 2 }
        return capacity
    }

    package var sortedEntries: [IPSetEntry] { entries.keys.sorted() }
}

extension IPSet: Equatable {
    package static func == (left: IPSet, right: IPSet) -> Bool {
        left.name == right.name && left.isAlike(right) && left.entries == right.entries
    }

    /// The same sort of set, whatever is in it: one can become the other entry by entry.
    package func isAlike(_ other: IPSet) -> Bool {
        kind == other.kind && family == other.family && carriesMarks == other.carriesMarks
            && oddity == other.oddity
    }
}
