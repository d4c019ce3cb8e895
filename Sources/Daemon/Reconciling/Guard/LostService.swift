import ServiceModel

/// How one Service differs between two snapshots.
struct ServiceChange {
    let name: ServiceName
    let old: ServiceSnapshot
    let new: ServiceSnapshot
    let removals: Removals
    /// How objects were removed that `removals` does not name.
    let unnamed: Removals.Kind

    var stopsServing: Bool { old.serves(name) && !new.serves(name) }
    var oldSlices: [EndpointSlice] { old.slices[name] ?? [] }
    var newSlices: [EndpointSlice] { new.slices[name] ?? [] }
}

/// A Service that no longer serves because objects are missing, and what they were.
struct LostService: Sendable {
    /// What happened to it.
    enum Fate {
        case stillLost
        /// It is as its source says.
        case returned
        case deleted
    }

    /// As it was; nil while its source has it.
    private(set) var service: Service?
    /// Those that are missing, by name.
    private var slices: [String: EndpointSlice] = [:]
    private let origin: ServiceOrigin
    /// It was deleted, and counts as lost because deletions are held too.
    let isDeleted: Bool

    /// Nil if it would not serve even with all that is missing: it was deleted, as a whole or its
    /// last endpoints.
    init?(_ change: ServiceChange, holdsDeletions: Bool) {
        guard let old = change.old.services[change.name] else { return nil }
        let new = change.new.services[change.name]
        // A Service of the other source is another one.
        if let new, new.origin != old.origin { return nil }
        let kind = change.removals.services[change.name] ?? change.unnamed
        let missing = Self.missing(change)
        let isDeletedWhole = new == nil && kind == .deleted
        isDeleted = isDeletedWhole || !(change.newSlices + missing.values).mayServe
        guard holdsDeletions || !isDeleted else { return nil }
        origin = old.origin
        slices = holdsDeletions ? Self.all(change) : missing
        guard new == nil else { return }
        service = old
        service?.isHeld = true
    }

    /// The endpoints with those that are missing, in order; nil without any.
    func endpoints(beside present: [EndpointSlice]) -> [EndpointSlice]? {
        let all = present.filter { slices[$0.name] == nil } + slices.values
        return all.isEmpty ? nil : all.sorted { $0.name < $1.name }
    }

    /// Applies a change of the Service, whose old state includes what is missing.
    mutating func follow(_ change: ServiceChange, holdsDeletions: Bool) -> Fate {
        if change.new.serves(change.name) { return .returned }
        let believesDeletions = !isDeleted && !holdsDeletions
        if let present = change.new.services[change.name] {
            if present.origin != origin { return .returned }
            service = nil
        } else {
            let word = change.removals.services[change.name]
            let kind = service == nil ? word ?? change.unnamed : word
            if kind == .deleted, believesDeletions { return .deleted }
            if service == nil { service = change.old.services[change.name] }
            service?.isHeld = true
        }
        guard believesDeletions else {
            slices.merge(Self.all(change)) { known, _ in known }
            return .stillLost
        }
        let words = change.removals.slices[change.name] ?? [:]
        let wasHolding = !slices.isEmpty
        for slice in change.newSlices { slices[slice.name] = nil }
        for (slice, kind) in words where kind == .deleted { slices[slice] = nil }
        slices.merge(Self.missing(change)) { known, _ in known }
        guard service == nil, slices.isEmpty else { return .stillLost }
        return wasHolding && words.values.contains(.deleted) ? .deleted : .returned
    }

    /// The slices that went missing by the change.
    private static func missing(_ change: ServiceChange) -> [String: EndpointSlice] {
        let present = Set(change.newSlices.map(\.name))
        let words = change.removals.slices[change.name] ?? [:]
        var missing: [String: EndpointSlice] = [:]
        for slice in change.oldSlices where !present.contains(slice.name) {
            if words[slice.name] ?? change.unnamed == .missing { missing[slice.name] = slice }
        }
        return missing
    }

    /// All slices as they were.
    private static func all(_ change: ServiceChange) -> [String: EndpointSlice] {
        Dictionary(change.oldSlices.map { ($0.name, $0) }) { $1 }
    }
}
