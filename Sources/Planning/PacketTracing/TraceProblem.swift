/// Why a trace cannot be trusted at some place.
package struct TraceProblem: Sendable, Hashable, CustomStringConvertible {
    /// What is wrong; stable names for programs.
    package enum Kind: String, Sendable, Hashable {
        /// A rule leads to a chain that is not there.
        case missingChain
        /// A rule asks a set that is not there; the kernel takes no such rule.
        case missingSet
        /// A rule asks a set for something that it does not hold.
        case unfitSet
        /// A slot that a rule may choose is empty.
        case missingElement
        /// A chain leads to itself.
        case loop
        /// The trace was cut short.
        case limit
        /// A target where the kernel does not allow it.
        case misplacedTarget
        /// A condition that cannot be told from here; it was taken as not met.
        case undecidable
        /// A packet that cannot exist.
        case impossiblePacket
        /// Session affinity that does not hold.
        case affinity
    }

    package var kind: Kind
    /// `nat FAIRLEAD-SERVICES rule 3`.
    package var place: String?
    package var message: String

    package init(_ kind: Kind, at place: String? = nil, _ message: String) {
        self.kind = kind
        self.place = place
        self.message = message
    }

    package var description: String { place.map { "\($0): \(message)" } ?? message }
}
