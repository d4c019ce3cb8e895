/// Whether enough is known of the node to program its first rules.
///
/// Rules that take the node for another, or pods for strangers, would have to be changed at once and
/// would have misled connections meanwhile; so the first pass waits for the Node, though not for
/// ever: most rules do not depend on it.
package struct StartGate: Sendable {
    package typealias Instant = ContinuousClock.Instant

    /// How long to wait for the Node to have an address.
    package static let nodeWait = Duration.seconds(30)
    /// How long to wait for the node's pod ranges, where local pods are recognised by them.
    package static let podRangeWait = Duration.seconds(300)

    private let start: Instant
    private let needsNode: Bool
    private let needsPodRanges: Bool
    private var isOpen = false

    package init(needsNode: Bool, needsPodRanges: Bool, start: Instant) {
        self.needsNode = needsNode
        self.needsPodRanges = needsPodRanges
        self.start = start
    }

    /// Whether to begin at `now`; once it has said yes it never says no.
    package mutating func opens(hasAddresses: Bool, hasPodRanges: Bool, at now: Instant) -> Bool {
        if isOpen { return true }
        let waited = now - start
        let knowsNode = hasAddresses || !needsNode || waited >= Self.nodeWait
        let knowsPods =
            hasPodRanges || !needsPodRanges || waited >= Self.nodeWait + Self.podRangeWait
        isOpen = knowsNode && knowsPods
        return isOpen
    }

    /// What is still waited for, for people; nil if nothing.
    package func reason(hasAddresses: Bool, hasPodRanges: Bool) -> String? {
        if isOpen { return nil }
        if needsNode, !hasAddresses { return "the Node's addresses" }
        if needsPodRanges, !hasPodRanges { return "the Node's pod ranges" }
        return nil
    }
}
