import TestSupport

/// Something that goes wrong around a node, for a moment or for a while.
protocol SoakFault {
    /// As the table and `--faults` have it.
    var name: String { get }

    /// Two faults that touch the same are never under way together.
    var touches: Set<Touched> { get }

    /// True if the kernel loses what answers connections, so that they fail until that is put right.
    var breaks: Bool { get }

    /// True if the daemon's process ends.
    var endsProcess: Bool { get }

    /// How long it lasts, in seconds; nil if it is over as soon as it has begun.
    var lasts: ClosedRange<Double>? { get }

    /// Throws if it cannot be brought about.
    mutating func begin(_ node: SoakNode, _ random: inout SplitMix64) async throws

    /// Only for one that lasts. Throws if it cannot be undone.
    mutating func end(_ node: SoakNode) async throws
}

/// What a fault touches.
enum Touched {
    /// That it runs.
    case process
    case tables
    case server
    case lock
    case state
    case links
    case configuration
    case limits
    case clock
    case conntrack
}

extension SoakFault {
    var breaks: Bool { false }
    var endsProcess: Bool { false }
    var lasts: ClosedRange<Double>? { nil }
    mutating func end(_: SoakNode) async throws {}
}
