/// Why part of a trace is unreliable.
package struct TraceProblem: Sendable, Hashable, Encodable, CustomStringConvertible {
    /// The kind of problem; names are stable for programs.
    package enum Kind: String, Sendable, Hashable, Encodable {
        /// A rule leads to a chain that does not exist.
        case missingChain
        /// A rule uses a set that does not exist; the kernel rejects such a rule.
        case missingSet
        /// A rule uses a set with a key or value of another type.
        case unfitSet
        /// A bucket that a rule may choose is empty.
        case missingElement
        /// A chain leads to itself.
        case loop
        /// The trace stopped early.
        case limit
        /// A target where the kernel does not allow it.
        case misplacedTarget
        /// An undecidable condition, treated as no match.
        case undecidable
        /// A packet that cannot exist.
        case impossiblePacket
        /// Session affinity does not hold.
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
