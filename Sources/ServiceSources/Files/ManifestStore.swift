package import ServiceModel

/// The last good content of every manifest, and the snapshot they add up to.
///
/// Pure: what the file system says comes in, updates come out. A file's bad objects keep their last
/// good version; nothing else suffers from them.
package struct ManifestStore: Sendable {
    /// What was found at a path.
    package enum FileContent: Sendable {
        case text(String)
        /// No bytes at all: an editor's first step, so everything stays.
        case empty
        case unreadable(reason: String)
        case absent
    }

    private struct File {
        var objects: [DecodedObject.Key: DecodedObject] = [:]
        var issues: [ObjectIssue] = []
    }

    /// An object in a file.
    private struct Reference: Hashable {
        var path: String
        var key: DecodedObject.Key
    }

    private let decoder: ManifestDecoder
    private var files: [String: File] = [:]
    private var references: [ServiceName: Set<Reference>] = [:]
    /// The files that hold an object, in order; the first one counts.
    private var holders: [DecodedObject.Key: [String]] = [:]
    private var sourceIssue: ObjectIssue?
    package private(set) var snapshot = ServiceSnapshot()

    package init(decoder: ManifestDecoder) {
        self.decoder = decoder
    }

    /// Paths that hold objects or issues.
    package var paths: [String] { files.keys.sorted() }

    /// True if a text had no object that could not be used.
    package func isGood(_ path: String) -> Bool { files[path]?.issues.isEmpty ?? true }

    /// Takes in what is at `path` now and returns the Services that differ.
    package mutating func update(_ path: String, _ content: FileContent) -> Set<ServiceName> {
        let old = files[path] ?? File()
        var new = old
        switch content {
        case .absent:
            new = File()
        case .empty:
            new.issues =
                old.objects.isEmpty
                ? []
                : [
                    ObjectIssue(
                        source: path,
                        reason: "the file is empty; its Services stay. Delete it to remove them"
                    )
                ]
        case .unreadable(let reason):
            new.issues = [ObjectIssue(source: path, reason: "\(reason); its Services stay")]
        case .text(let text):
            new = Self.merge(decoder.decode(text), over: old, path: path)
        }
        files[path] = new.objects.isEmpty && new.issues.isEmpty ? nil : new
        return reindex(path, from: old, to: new)
    }

    /// Sets or clears an issue about the source as a whole.
    package mutating func report(_ issue: ObjectIssue?) {
        sourceIssue = issue
        collectIssues()
    }

    /// Good objects count; for bad ones, and for all that a torn text may have lost, the last good
    /// version stays.
    private static func merge(
        _ decoded: DecodedManifest,
        over old: File,
        path: String
    ) -> File {
        var new = File()
        for object in decoded.objects { new.objects[object.key] = object }
        for bad in decoded.bad {
            new.issues.append(
                ObjectIssue(
                    source: path,
                    line: bad.line,
                    object: bad.key.map { "\($0.namespace)/\($0.name)" },
                    reason: bad.reason
                )
            )
            if let key = bad.key, new.objects[key] == nil { new.objects[key] = old.objects[key] }
        }
        if decoded.isTorn { new.objects.merge(old.objects) { new, _ in new } }
        return new
    }

    private mutating func reindex(
        _ path: String,
        from old: File,
        to new: File
    ) -> Set<ServiceName> {
        var affected: Set<ServiceName> = []
        for (key, object) in old.objects where new.objects[key]?.contents != object.contents {
            affected.formUnion(unlink(object, path))
        }
        for (key, object) in new.objects where old.objects[key]?.contents != object.contents {
            affected.formUnion(link(object, path))
        }
        let changed = affected.filter { rebuild($0) }
        collectIssues()
        if !changed.isEmpty { snapshot.revision += 1 }
        return changed
    }

    private mutating func link(_ object: DecodedObject, _ path: String) -> Set<ServiceName> {
        var paths = holders[object.key] ?? []
        paths.append(path)
        holders[object.key] = paths.sorted()
        for name in object.serviceNames {
            references[name, default: []].insert(Reference(path: path, key: object.key))
        }
        return affected(object)
    }

    private mutating func unlink(_ object: DecodedObject, _ path: String) -> Set<ServiceName> {
        let affected = affected(object)
        holders[object.key]?.removeAll { $0 == path }
        if holders[object.key]?.isEmpty == true { holders[object.key] = nil }
        for name in object.serviceNames {
            references[name]?.remove(Reference(path: path, key: object.key))
            if references[name]?.isEmpty == true { references[name] = nil }
        }
        return affected
    }

    /// The Services of an object, and of its namesakes in other files, which may count now.
    private func affected(_ object: DecodedObject) -> Set<ServiceName> {
        var names = object.serviceNames
        for path in holders[object.key] ?? [] {
            names.formUnion(files[path]?.objects[object.key]?.serviceNames ?? [])
        }
        return names
    }

    /// Puts one Service together from all files; true if it differs.
    private mutating func rebuild(_ name: ServiceName) -> Bool {
        var service: Service?
        var slices: [EndpointSlice] = []
        var legacy: [EndpointSlice] = []
        let counting = (references[name] ?? []).filter { holders[$0.key]?.first == $0.path }
        for reference in counting {
            for content in files[reference.path]?.objects[reference.key]?.contents ?? [] {
                switch content {
                case .service(let found) where found.name == name: service = found
                case .slice(let slice) where slice.service == name:
                    if reference.key.kind == "Endpoints" {
                        legacy.append(slice)
                    } else {
                        slices.append(slice)
                    }
                default: break
                }
            }
        }
        // Endpoints is the old form of the same facts: it counts where there are no slices.
        let found = (slices.isEmpty ? legacy : slices).sorted { $0.name < $1.name }
        let endpoints = found.isEmpty ? nil : found
        guard snapshot.services[name] != service || snapshot.slices[name] != endpoints else {
            return false
        }
        snapshot.services[name] = service
        snapshot.slices[name] = endpoints
        return true
    }

    private mutating func collectIssues() {
        var issues = files.values.flatMap(\.issues)
        for (key, paths) in holders where paths.count > 1 {
            for path in paths.dropFirst() {
                issues.append(
                    ObjectIssue(
                        source: path,
                        line: files[path]?.objects[key]?.line,
                        object: "\(key.namespace)/\(key.name)",
                        reason: "\(key.kind) is in \(paths[0]) too, which counts"
                    )
                )
            }
        }
        if let sourceIssue { issues.append(sourceIssue) }
        let sorted = issues.sorted()
        guard snapshot.issues != sorted else { return }
        snapshot.issues = sorted
        snapshot.revision += 1
    }
}

extension DecodedObject {
    /// The Services this object has something to say about.
    fileprivate var serviceNames: Set<ServiceName> {
        Set(
            contents.compactMap { content in
                switch content {
                case .service(let service): service.name
                case .slice(let slice): slice.service
                case .ignored: nil
                }
            }
        )
    }
}
