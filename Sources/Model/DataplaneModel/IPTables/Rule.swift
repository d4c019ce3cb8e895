package import Addressing

/// One iptables rule: all conditions must hold, then the target decides.
package struct Rule: Sendable, Hashable {
    package var source: PrefixMatch?
    package var destination: PrefixMatch?
    package var inInterface: InterfaceMatch?
    package var outInterface: InterfaceMatch?
    package var transport: TransportProtocol?
    /// Evaluated in order up to the first that fails, so order matters for `recent`.
    package var matches: [Match]
    package var target: Target

    /// A non-inverted range of all addresses (/0) becomes nil: the kernel does not store it, so a
    /// rule read back would always differ.
    package init(
        source: PrefixMatch? = nil,
        destination: PrefixMatch? = nil,
        inInterface: InterfaceMatch? = nil,
        outInterface: InterfaceMatch? = nil,
        transport: TransportProtocol? = nil,
        matches: [Match] = [],
        target: Target
    ) {
        self.source = source?.normalized
        self.destination = destination?.normalized
        self.inInterface = inInterface
        self.outInterface = outInterface
        self.transport = transport
        self.matches = matches
        self.target = target
    }
}

/// `-s` or `-d` with an address range, or its negation.
package struct PrefixMatch: Sendable, Hashable {
    package var prefix: IPPrefix
    package var inverted: Bool

    package init(_ prefix: IPPrefix, inverted: Bool = false) {
        self.prefix = prefix
        self.inverted = inverted
    }

    /// Exactly one address.
    package init(_ address: IPAddress) {
        self.init(IPPrefix(address))
    }

    /// Nil if every address matches.
    fileprivate var normalized: PrefixMatch? {
        prefix.length == 0 && !inverted ? nil : self
    }
}

/// `-i` or `-o` with an interface name or a name prefix.
package struct InterfaceMatch: Sendable, Hashable {
    /// 1 to 15 bytes (`IFNAMSIZ` - 1).
    package var name: String
    /// Any interface whose name begins with `name` (written `name+`).
    package var isPrefix: Bool
    package var inverted: Bool

    package init(_ name: String, isPrefix: Bool = false, inverted: Bool = false) {
        self.name = name
        self.isPrefix = isPrefix
        self.inverted = inverted
    }
}
