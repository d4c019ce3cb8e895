/// Some of the two families: what a `Set` would be, without memory of its own.
package struct IPFamilies: Sendable, Hashable, ExpressibleByArrayLiteral {
    private var hasIPv4 = false
    private var hasIPv6 = false

    package init(_ families: some Sequence<IPFamily>) {
        for family in families { insert(family) }
    }

    package init(arrayLiteral families: IPFamily...) { self.init(families) }

    package var isEmpty: Bool { !hasIPv4 && !hasIPv6 }

    package func contains(_ family: IPFamily) -> Bool { family == .ipv4 ? hasIPv4 : hasIPv6 }

    package mutating func insert(_ family: IPFamily) {
        switch family {
        case .ipv4: hasIPv4 = true
        case .ipv6: hasIPv6 = true
        }
    }
}
