/// How objects left a snapshot: deleted, or missing without anybody having deleted them.
///
/// Names what went since the update before, and nothing older. What has gone and is not named was
/// deleted if the update says which Services changed, and is missing if it only says `all`.
package struct Removals: Sendable, Equatable {
    package enum Kind: Sendable, Equatable {
        /// The source said so: a DELETED event, a manifest that was removed or edited.
        case deleted
        /// It is absent, and that is all that is known: a list after a gap in the watch, an empty
        /// directory, a file that was cut short.
        case missing
    }

    package private(set) var services: [ServiceName: Kind] = [:]
    /// By Service and slice name.
    package private(set) var slices: [ServiceName: [String: Kind]] = [:]

    package init() {}

    package var isEmpty: Bool { services.isEmpty && slices.isEmpty }

    /// The Services that something is said about.
    package var names: Set<ServiceName> { Set(services.keys).union(slices.keys) }

    /// Later words replace earlier ones.
    package mutating func note(_ service: ServiceName, _ kind: Kind) {
        services[service] = kind
    }

    /// Later words replace earlier ones.
    package mutating func note(slice: String, of service: ServiceName, _ kind: Kind) {
        slices[service, default: [:]][slice] = kind
    }

    /// Adds what happened afterwards.
    package mutating func merge(_ later: Removals) {
        services.merge(later.services) { $1 }
        slices.merge(later.slices) { $0.merging($1) { $1 } }
    }

    /// What is said about these Services alone.
    package func filter(_ isIncluded: (ServiceName) -> Bool) -> Removals {
        var kept = Removals()
        kept.services = services.filter { isIncluded($0.key) }
        kept.slices = slices.filter { isIncluded($0.key) }
        return kept
    }
}
