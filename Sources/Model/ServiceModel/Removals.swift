/// How objects left a snapshot: deleted, or missing without having been deleted.
///
/// Only covers objects removed since the previous update. An object removed but not named was
/// deleted if the update lists the changed Services, and is missing if it says `all`.
package struct Removals: Sendable, Equatable {
    package enum Kind: Sendable, Equatable {
        /// The source reported it: a DELETED event, a manifest that was removed or edited.
        case deleted
        /// Absent for unknown reasons: a list after a gap in the watch, an empty directory, a
        /// truncated file.
        case missing
    }

    package private(set) var services: [ServiceName: Kind] = [:]
    /// By Service and slice name.
    package private(set) var slices: [ServiceName: [String: Kind]] = [:]

    package init() {}

    package var isEmpty: Bool { services.isEmpty && slices.isEmpty }

    /// All Services named.
    package var names: Set<ServiceName> { Set(services.keys).union(slices.keys) }

    /// Replaces an earlier entry.
    package mutating func note(_ service: ServiceName, _ kind: Kind) {
        services[service] = kind
    }

    /// Replaces an earlier entry.
    package mutating func note(slice: String, of service: ServiceName, _ kind: Kind) {
        slices[service, default: [:]][slice] = kind
    }

    /// Adds later removals.
    package mutating func merge(_ later: Removals) {
        services.merge(later.services) { $1 }
        slices.merge(later.slices) { $0.merging($1) { $1 } }
    }

    /// The entries of these Services only.
    package func filter(_ isIncluded: (ServiceName) -> Bool) -> Removals {
        var kept = Removals()
        kept.services = services.filter { isIncluded($0.key) }
        kept.slices = slices.filter { isIncluded($0.key) }
        return kept
    }
}
