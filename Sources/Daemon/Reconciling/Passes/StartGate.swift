/// Whether enough is known of node and cluster to program the first rules.
///
/// Rules with wrong node addresses or pod ranges would misdirect connections until they are changed, and
/// rules without the cluster's Service ranges would let packets through that are dropped otherwise. So
/// the first pass waits for the API server to report them, but only for a limited time: most rules do
/// not depend on them.
package struct StartGate: Sendable {
    package typealias Instant = ContinuousClock.Instant

    /// What can be waited for.
    package struct Facts: OptionSet, Sendable {
        package let rawValue: Int

        package init(rawValue: Int) {
            self.rawValue = rawValue
        }

        /// The Node's addresses.
        package static let addresses = Facts(rawValue: 1 << 0)
        /// The Node's pod ranges, if local pods are recognised by them.
        package static let podRanges = Facts(rawValue: 1 << 1)
        /// The cluster's ServiceCIDRs, or that it has none.
        package static let serviceRanges = Facts(rawValue: 1 << 2)
    }

    /// How long to wait for the Node to have an address.
    package static let nodeWait = Duration.seconds(30)
    /// How long to wait for the node's pod ranges after that.
    package static let podRangeWait = Duration.seconds(300)
    /// How long to wait for the ServiceCIDRs; longer than the wait before those of an earlier run are
    /// used.
    package static let serviceRangeWait = Duration.seconds(12)

    private let needs: Facts
    /// When the Services were first known, from which the waits count.
    private var start: Instant?
    private var isOpen = false

    package init(needs: Facts) {
        self.needs = needs
    }

    /// Whether the first pass may begin at `now`, when all Services are known. Stays true once it is.
    package mutating func opens(knowing facts: Facts, at now: Instant) -> Bool {
        if isOpen { return true }
        let start = start ?? now
        self.start = start
        var overdue: Facts = []
        let waited = now - start
        if waited >= Self.serviceRangeWait { overdue.insert(.serviceRanges) }
        if waited >= Self.nodeWait { overdue.insert(.addresses) }
        if waited >= Self.nodeWait + Self.podRangeWait { overdue.insert(.podRanges) }
        isOpen = needs.subtracting(facts).subtracting(overdue).isEmpty
        return isOpen
    }

    /// What the first pass still waits for, as text; nil if it waits for nothing.
    package func reason(knowing facts: Facts) -> String? {
        if isOpen { return nil }
        let missing = needs.subtracting(facts)
        if missing.contains(.addresses) { return "the Node's addresses" }
        if missing.contains(.podRanges) { return "the Node's pod ranges" }
        if missing.contains(.serviceRanges) { return "the cluster's ServiceCIDRs" }
        return nil
    }
}
