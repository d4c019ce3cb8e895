package import Addressing

/// One iptables rule: all conditions must hold, then the target decides.
package struct Rule: Sendable, Hashable {
    /// Nearly all rules of a large table are the choices of endpoints, which have none of these.
    private var selection: Selection?
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
        selection = Selection(
            source?.normalized,
            destination?.normalized,
            inInterface,
            outInterface
        )
        self.transport = transport
        self.matches = matches
        self.target = target
    }
}

extension Rule {
    package var source: PrefixMatch? {
        get { selection?.parts.source }
        set { selection = Selection(newValue, destination, inInterface, outInterface) }
    }

    package var destination: PrefixMatch? {
        get { selection?.parts.destination }
        set { selection = Selection(source, newValue, inInterface, outInterface) }
    }

    package var inInterface: InterfaceMatch? {
        get { selection?.parts.inInterface }
        set { selection = Selection(source, destination, newValue, outInterface) }
    }

    package var outInterface: InterfaceMatch? {
        get { selection?.parts.outInterface }
        set { selection = Selection(source, destination, inInterface, newValue) }
    }

    /// The conditions on addresses and interfaces, at least one. They take 140 bytes, and so are apart from the rule.
    private indirect enum Selection: Sendable, Hashable {
        case given(Parts)

        struct Parts: Hashable {
            var source: PrefixMatch?
            var destination: PrefixMatch?
            var inInterface: InterfaceMatch?
            var outInterface: InterfaceMatch?
        }

        /// Nil without conditions, so that equal rules have equal parts.
        init?(
            _ source: PrefixMatch?,
            _ destination: PrefixMatch?,
            _ inInterface: InterfaceMatch?,
            _ outInterface: InterfaceMatch?
        ) {
            if source == nil, destination == nil, inInterface == nil, outInterface == nil {
                return nil
            }
            self = .given(
                Parts(
                    source: source,
                    destination: destination,
                    inInterface: inInterface,
                    outInterface: outInterface
                )
            )
        }

        var parts: Parts {
            switch self {
            case .given(let parts): parts
            }
        }
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
