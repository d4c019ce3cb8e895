package import Addressing
package import ServiceModel

/// The state of the API server, as far as a proxy needs it: takes lists and events, returns a
/// snapshot and its changes.
///
/// Pure. The cost of an event depends on its changes, not on the size of the cluster. An unusable
/// object is an issue and keeps its last good version; an unusable value is an issue and left out.
package struct KubernetesStore: Sendable {
    /// The exact changes of a list or an event.
    package struct Changes: Sendable, Equatable {
        package var services: Set<ServiceName> = []
        package var node = false
        package var serviceCIDRs = false
        package var issues = false
        /// How objects were removed: deleted by an event, or missing from a list.
        package var removals = Removals()

        package init() {}

        package var isEmpty: Bool { self == Changes() }
    }

    /// The state of a slice in the snapshot.
    private struct SliceRecord {
        var service: ServiceName
        var family: IPFamily
        var triggerTime: APITime?
    }

    private let nodeName: String
    private let startTime: APITime
    private var listed: Set<KubernetesResource> = []
    private var sliceRecords: [APIObject.Key: SliceRecord] = [:]
    private var rangesByObject: [APIObject.Key: [IPPrefix]] = [:]
    private var issues = ObjectIssues()
    private var triggers: [ServiceName: [EndpointTrigger]] = [:]
    package private(set) var snapshot = ServiceSnapshot()
    /// The Node object of this node; nil while it does not exist.
    package private(set) var node: NodeObject?
    /// The ranges of all ServiceCIDRs, sorted.
    package private(set) var serviceCIDRs: [IPPrefix] = []

    /// - Parameters:
    ///   - nodeName: the name of this node; other Node objects are ignored.
    ///   - startTime: when this process started; older trigger times are ignored.
    package init(nodeName: String, startTime: APITime) {
        self.nodeName = nodeName
        self.startTime = startTime
    }

    /// Whether a list of the resource has been received.
    package func hasList(of resource: KubernetesResource) -> Bool { listed.contains(resource) }

    /// When the endpoints changed that were applied since the last call, by Service: one entry for
    /// each changed slice with the annotation. A deleted slice discards those of its Service and
    /// family.
    package mutating func takeTriggers() -> [ServiceName: [EndpointTrigger]] {
        defer { triggers = [:] }
        return triggers
    }

    /// Replaces all objects. Of two with the same key the last one is used.
    package mutating func replace(
        _ resource: KubernetesResource,
        with objects: [APIObject]
    ) -> Changes {
        listed.insert(resource)
        // Where the last object with each key is.
        var newest: [APIObject.Key: Int] = [:]
        newest.reserveCapacity(objects.count)
        for (index, object) in objects.enumerated() { newest[object.key] = index }
        var changes = Changes()
        for key in knownKeys(resource) where newest[key] == nil {
            remove(key, resource, .missing, &changes)
        }
        let areAllNewest = newest.count == objects.count
        let present = objects.indices.lazy.filter { index in
            areAllNewest || newest[objects[index].key] == index
        }
        changes.issues = issues.replace(resource, present.lazy.map { objects[$0] })
        for index in present {
            take(objects[index].key, objects[index].content, resource, &changes)
        }
        finish(changes)
        return changes
    }

    /// Applies one watch event.
    package mutating func apply(
        _ event: WatchEvent,
        to resource: KubernetesResource
    ) -> Changes {
        var changes = Changes()
        switch event {
        case .added(let object), .modified(let object):
            changes.issues = issues.set(resource, object.key, object.complaints)
            take(object.key, object.content, resource, &changes)
        case .deleted(let object):
            changes.issues = issues.set(resource, object.key, [])
            remove(object.key, resource, .deleted, &changes)
        case .bookmark, .failed: break
        }
        finish(changes)
        return changes
    }

    private mutating func finish(_ changes: Changes) {
        if changes.serviceCIDRs { serviceCIDRs = Self.union(rangesByObject) }
        if changes.issues { snapshot.issues = issues.sorted }
        if changes.issues || !changes.services.isEmpty { snapshot.revision += 1 }
    }

    private static func union(_ ranges: [APIObject.Key: [IPPrefix]]) -> [IPPrefix] {
        Set(ranges.values.joined()).sorted()
    }

    /// The keys of the objects with any state other than an issue.
    private func knownKeys(_ resource: KubernetesResource) -> [APIObject.Key] {
        switch resource {
        case .services: snapshot.services.keys.map { APIObject.Key($0) }
        case .endpointSlices: Array(sliceRecords.keys)
        case .nodes: node.map { [APIObject.Key(namespace: "", name: $0.name)] } ?? []
        case .serviceCIDRs: Array(rangesByObject.keys)
        }
    }

    private mutating func take(
        _ key: APIObject.Key,
        _ content: APIObject.Content,
        _ resource: KubernetesResource,
        _ changes: inout Changes
    ) {
        switch content {
        case .bad: break
        case .ignored: remove(key, resource, .deleted, &changes)
        case .service(var service):
            service.origin = .cluster
            guard snapshot.services[service.name] != service else { return }
            snapshot.services[service.name] = service
            changes.services.insert(service.name)
        case .slice(let slice, let triggerTime): take(key, slice, triggerTime, &changes)
        case .node(let new):
            guard new.name == nodeName, node != new else { return }
            node = new
            changes.node = true
        case .serviceCIDR(let ranges):
            guard rangesByObject[key] != ranges else { return }
            rangesByObject[key] = ranges
            changes.serviceCIDRs = true
        }
    }

    private mutating func take(
        _ key: APIObject.Key,
        _ slice: EndpointSlice,
        _ triggerTime: APITime?,
        _ changes: inout Changes
    ) {
        let old = sliceRecords[key]
        sliceRecords[key] = SliceRecord(
            service: slice.service,
            family: slice.family,
            triggerTime: triggerTime
        )
        if let old, old.service != slice.service {
            setSlice(nil, named: key.name, of: old.service, &changes)
            changes.removals.note(slice: key.name, of: old.service, .deleted)
        }
        guard setSlice(slice, named: key.name, of: slice.service, &changes) else { return }
        if let triggerTime, triggerTime > startTime, triggerTime != old?.triggerTime {
            triggers[slice.service, default: []].append(
                EndpointTrigger(family: slice.family, time: triggerTime)
            )
        }
    }

    private mutating func remove(
        _ key: APIObject.Key,
        _ resource: KubernetesResource,
        _ kind: Removals.Kind,
        _ changes: inout Changes
    ) {
        switch resource {
        case .services:
            let name = ServiceName(namespace: key.namespace, name: key.name)
            guard snapshot.services[name] != nil else { return }
            snapshot.services[name] = nil
            changes.services.insert(name)
            changes.removals.note(name, kind)
        case .endpointSlices:
            guard let record = sliceRecords.removeValue(forKey: key) else { return }
            forgetTriggers(of: record.service, record.family)
            setSlice(nil, named: key.name, of: record.service, &changes)
            changes.removals.note(slice: key.name, of: record.service, kind)
        case .nodes:
            guard key.name == nodeName, node != nil else { return }
            node = nil
            changes.node = true
        case .serviceCIDRs:
            guard rangesByObject.removeValue(forKey: key) != nil else { return }
            changes.serviceCIDRs = true
        }
    }

    private mutating func forgetTriggers(of service: ServiceName, _ family: IPFamily) {
        let rest = triggers[service]?.filter { $0.family != family } ?? []
        triggers[service] = rest.isEmpty ? nil : rest
    }

    /// Adds a slice to its Service, or removes it; true if the Service changes.
    @discardableResult
    private mutating func setSlice(
        _ slice: EndpointSlice?,
        named name: String,
        of service: ServiceName,
        _ changes: inout Changes
    ) -> Bool {
        var slices = snapshot.slices[service] ?? []
        let index = slices.partitioningIndex { $0.name >= name }
        let isThere = slices.indices.contains(index) && slices[index].name == name
        guard (isThere ? slices[index] : nil) != slice else { return false }
        if isThere { slices.remove(at: index) }
        if let slice { slices.insert(slice, at: index) }
        snapshot.slices[service] = slices.isEmpty ? nil : slices
        changes.services.insert(service)
        return true
    }
}

extension APIObject.Key {
    fileprivate init(_ name: ServiceName) {
        self.init(namespace: name.namespace, name: name.name)
    }
}

extension APIObject {
    /// All errors of the object.
    var complaints: [String] {
        if case .bad(let reason) = content { [reason] } else { leftOut }
    }
}
