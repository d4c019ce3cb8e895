package import Addressing

/// The name of an ipset: 1 to 31 bytes of ASCII (`IPSET_MAXNAMELEN` - 1).
package struct IPSetName: Sendable, Hashable, Comparable, CustomStringConvertible {
    package static let maximumLength = 31

    package let text: String

    /// The name must fit and contain no blanks. The naming scheme guarantees this, so it is only
    /// asserted.
    package init(_ text: String) {
        assert((1...Self.maximumLength).contains(text.utf8.count), "set name \(text)")
        self.text = text
    }

    package var description: String { text }

    package static func < (left: IPSetName, right: IPSetName) -> Bool { left.text < right.text }
}

/// The type of a set's entries.
package enum IPSetKind: String, Sendable, Hashable, CaseIterable {
    case address = "hash:ip"
    case frontend = "hash:ip,port"
    case frontendSource = "hash:ip,port,net"
    case port = "bitmap:port"
}

/// One entry of a set; each case belongs to one kind of set, whose entries are ordered part by part.
package enum IPSetEntry: Sendable, Hashable, Comparable {
    case address(IPAddress)
    case frontend(SocketAddress, TransportProtocol)
    /// A source range at a frontend; never /0, which the kernel's set type cannot hold.
    case frontendSource(SocketAddress, TransportProtocol, IPPrefix)
    case port(PortNumber)
}

/// A kernel set of addresses and ports that rules match against.
package struct IPSet: Sendable {
    package var name: IPSetName
    package var kind: IPSetKind
    package var family: IPFamily
    /// Entries carry a packet mark (the `skbinfo` extension), which a rule can copy to packets.
    package var carriesMarks: Bool
    /// The entries and their marks; 0 in a set without marks.
    package var entries: [IPSetEntry: UInt32]
    /// The maximum number of entries (`maxelem`). A larger one is as good, so it is not part of
    /// equality.
    package var capacity: Int
    /// The purpose of the set; shown in plans but not stored in the kernel, so not part of
    /// equality.
    package var title: String?
    /// It has a property that this model cannot represent: a type other than `kind`, which is then a
    /// placeholder, an option such as a timeout, or an entry of another type.
    ///
    /// Only in observed sets: such a set differs from every planned one, and so is replaced or
    /// destroyed.
    package var hasUnexpectedProperty: Bool

    /// `capacity` defaults to one that fits the entries, with room to grow.
    package init(
        _ name: IPSetName,
        kind: IPSetKind,
        family: IPFamily,
        carriesMarks: Bool = false,
        entries: [IPSetEntry: UInt32] = [:],
        capacity: Int? = nil,
        title: String? = nil,
        hasUnexpectedProperty: Bool = false
    ) {
        self.name = name
        self.kind = kind
        self.family = family
        self.carriesMarks = carriesMarks
        self.entries = entries
        self.capacity = capacity ?? Self.capacity(for: entries.count)
        self.title = title
        self.hasUnexpectedProperty = hasUnexpectedProperty
    }

    /// A power of two, at least twice the present need, so that growing is rare.
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

    /// Whether one can become the other entry by entry: same kind, any content.
    package func isAlike(_ other: IPSet) -> Bool {
        kind == other.kind && family == other.family && carriesMarks == other.carriesMarks
            && hasUnexpectedProperty == other.hasUnexpectedProperty
    }
}
