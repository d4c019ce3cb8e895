import SoakJudging
import TestSupport

/// Something that goes wrong around a node, for a moment or for a while.
protocol SoakFault: FaultTraits {
    /// Why it had no effect, once it is over; nil if it had one.
    var miss: String? { get }

    /// What it has done, where that is to be seen; nil if its name says it all.
    var note: String? { get }

    /// Throws if it cannot be brought about.
    mutating func begin(_ node: SoakNode, _ random: inout SplitMix64) async throws

    /// Only for one that lasts. Throws if it cannot be undone.
    mutating func end(_ node: SoakNode) async throws
}

extension SoakFault {
    /// Where `begin` throws unless it has taken effect.
    var miss: String? { nil }
    var note: String? { nil }
    mutating func end(_: SoakNode) async throws {}
}
