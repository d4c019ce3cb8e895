/// What a run has to know of a fault without bringing it about.
package protocol FaultTraits {
    /// As the table and `--faults` have it.
    var name: String { get }

    /// Two faults that touch the same are never under way together.
    var touches: Set<Touched> { get }

    /// True if the kernel loses what answers connections, so that they fail until that is put right.
    var breaks: Bool { get }

    /// True if changes of the cluster may wait for as long as it lasts.
    var hinders: Bool { get }

    /// True if the daemon's process ends.
    var endsProcess: Bool { get }

    /// How long it lasts, in seconds; nil if it is over as soon as it has begun.
    var lasts: ClosedRange<Double>? { get }

    /// In how many seconds after its end all has to be right.
    var limit: Double { get }
}

/// What a fault touches.
package enum Touched: Sendable {
    /// That it runs.
    case process
    case tables
    case server
    case lock
    case state
    case links
    case addresses
    case configuration
    case limits
    case clock
    case conntrack
    /// The programs of the socket level.
    case sockets
}

extension FaultTraits {
    package var breaks: Bool { false }

    package var hinders: Bool {
        !touches.isDisjoint(with: [.process, .server, .lock, .limits])
    }

    package var endsProcess: Bool { false }
    package var lasts: ClosedRange<Double>? { nil }

    /// A daemon starts anew, or comes back to its server after growing pauses; all else is soon repaired.
    package var limit: Double { touches.isDisjoint(with: [.process, .server, .limits]) ? 10 : 20 }
}
