import PrintableText
import ServiceModel

/// The unusable objects and values, with reasons; always sorted.
struct ObjectIssues: Sendable {
    /// The source of these issues.
    static let source = "kubernetes"

    private var byObject: [KubernetesResource: [APIObject.Key: [ObjectIssue]]] = [:]
    private(set) var sorted: [ObjectIssue] = []

    /// Sets the issues of one object; true if they change.
    mutating func set(
        _ resource: KubernetesResource,
        _ key: APIObject.Key,
        _ reasons: [String]
    ) -> Bool {
        let old = byObject[resource]?[key] ?? []
        let new = reasons.map { Self.issue(resource, key, $0) }
        guard old != new else { return false }
        byObject[resource, default: [:]][key] = new.isEmpty ? nil : new
        for issue in old {
            let index = sorted.partitioningIndex { $0 >= issue }
            if sorted.indices.contains(index), sorted[index] == issue { sorted.remove(at: index) }
        }
        for issue in new { sorted.insert(issue, at: sorted.partitioningIndex { $0 >= issue }) }
        return true
    }

    /// Sets the issues of all objects of a resource, each with a key of its own; true if they change.
    mutating func replace(
        _ resource: KubernetesResource,
        _ objects: some Sequence<APIObject>
    ) -> Bool {
        var new: [APIObject.Key: [ObjectIssue]] = [:]
        for object in objects {
            let reasons = object.complaints
            if reasons.isEmpty { continue }
            new[object.key] = reasons.map { Self.issue(resource, object.key, $0) }
        }
        guard new != byObject[resource] ?? [:] else { return false }
        byObject[resource] = new
        sorted = byObject.values.flatMap(\.values).joined().sorted()
        return true
    }

    private static func issue(
        _ resource: KubernetesResource,
        _ key: APIObject.Key,
        _ reason: String
    ) -> ObjectIssue {
        ObjectIssue(
            source: source,
            object: "\(resource.kind) \(printable(key.description))",
            reason: reason,
            service: service(resource, key)
        )
    }

    private static func service(
        _ resource: KubernetesResource,
        _ key: APIObject.Key
    ) -> ServiceName? {
        switch resource {
        case .services: ServiceName(namespace: key.namespace, name: key.name)
        case .endpointSlices: ServiceName(ofSlice: key.name, namespace: key.namespace)
        case .nodes, .serviceCIDRs: nil
        }
    }
}

extension Array {
    /// The index of the first element of the second part; the elements in it are at the end.
    func partitioningIndex(where isInSecondPart: (Element) -> Bool) -> Int {
        var low = 0
        var high = count
        while low < high {
            let middle = (low + high) / 2
            if isInSecondPart(self[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
