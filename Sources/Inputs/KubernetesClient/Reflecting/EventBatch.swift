import KubernetesAPI

/// The events of one chunk of a watch, sorted by how they are handled.
struct EventBatch {
    /// All objects, if a watch-list has come to its end; to be applied before the changes.
    private(set) var list: (objects: [APIObject], resourceVersion: String)?
    private(set) var changes: [WatchEvent] = []
    /// The last resource version; nil if there was none since the list.
    private(set) var resourceVersion: String?
    /// Why the server ends the watch.
    private(set) var failure: APIStatus?

    /// `initial` holds the objects of a watch-list so far; nil once it has ended.
    init(_ events: [WatchEvent], initial: inout [APIObject]?) {
        for event in events {
            switch event {
            case .bookmark(let version, let endsInitialEvents):
                if let objects = initial {
                    guard endsInitialEvents else { continue }
                    list = (objects, version)
                    initial = nil
                } else {
                    resourceVersion = version
                }
            case .failed(let status):
                failure = status
                return
            case .added(let object), .modified(let object), .deleted(let object):
                if initial == nil {
                    changes.append(event)
                    resourceVersion = object.resourceVersion
                } else if case .deleted = event {
                    initial?.removeAll { $0.key == object.key }
                } else {
                    initial?.append(object)
                }
            }
        }
    }
}
