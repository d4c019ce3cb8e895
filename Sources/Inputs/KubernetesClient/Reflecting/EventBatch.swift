import KubernetesAPI

/// What one piece of a watch brings, sorted by what has to be done with it.
struct EventBatch {
    /// All objects, where a watch-list has come to its end; to be taken in before the changes.
    private(set) var list: (objects: [APIObject], resourceVersion: String)?
    private(set) var changes: [WatchEvent] = []
    /// How far the watch has got; nil if it brought nothing since its list.
    private(set) var resourceVersion: String?
    /// Why the server ends the watch here.
    private(set) var failure: APIStatus?

    /// `initial` are the objects of a watch-list so far, nil when their end has come.
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
