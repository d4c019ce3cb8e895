package import ServiceModel

/// The last good content of every manifest, and the snapshot they add up to.
///
/// Pure: takes what the file system contains and returns updates. The bad objects of a file keep
/// their last good version; nothing else is affected.
package struct ManifestStore: Sendable {
    /// What was found at a path.
    package enum FileContent: Sendable {
        case text(String)
        /// Zero bytes, as when an editor has just truncated the file: everything stays.
        case empty
        /// /dev/null, as people mask a file: everything stays, and that there is nothing is no mistake.
        case masked
        case unreadable(reason: String)
        /// The file was removed.
        case absent
        /// The file is missing together with all others, so it may not have been deleted.
        case missing
    }

    private struct File {
        var objects: [DecodedObject.Key: DecodedObject] = [:]
        var issues: [ObjectIssue] = []
        /// The last complete text; a later one may be a truncated copy of it.
        var text = ""
        /// Objects of `text` beyond the end of a truncated one.
        var cutOff: [DecodedObject.Key: DecodedObject] = [:]

        var isUsed: Bool { !objects.isEmpty || !issues.isEmpty || !cutOff.isEmpty }
    }

    /// An object in a file.
    private struct Reference: Hashable {
        var path: String
        var key: DecodedObject.Key
    }

    private let decoder: ManifestDecoder
    private var files: [String: File] = [:]
    private var references: [ServiceName: Set<Reference>] = [:]
    /// The files that hold an object, in order; the first one wins.
    private var holders: [DecodedObject.Key: [String]] = [:]
    private var sourceIssues: [ObjectIssue] = []
    private var removals = Removals()
    package private(set) var snapshot = ServiceSnapshot()

    package init(decoder: ManifestDecoder) {
        self.decoder = decoder
    }

    /// Paths with objects or issues.
    package var paths: [String] { files.keys.sorted() }

    /// True if every object of the text could be used.
    package func isGood(_ path: String) -> Bool { files[path]?.issues.isEmpty ?? true }

    /// How objects were removed since the last call.
    package mutating func takeRemovals() -> Removals {
        defer { removals = Removals() }
        return removals
    }

    /// Applies the content of `path` and returns the Services that differ.
    ///
    /// A blank text, or one that is a prefix of the former text, counts as truncated: the objects
    /// it lacks are missing, not deleted.
    package mutating func update(_ path: String, _ content: FileContent) -> Set<ServiceName> {
        let old = files[path] ?? File()
        var new = old
        var kind = Removals.Kind.deleted
        switch content {
        case .absent:
            new = File()
        case .missing:
            new = File()
            kind = .missing
        case .masked where old.objects.isEmpty: new.issues = []
        case .empty, .masked:
            // What it had before may not be known here, to a command for instance.
            let cure =
                old.objects.isEmpty
                ? "delete it, or write services: [], if it is to have no Services"
                : "its Services stay. Delete it to remove them"
            new.issues = [ObjectIssue(source: path, reason: "the file is empty; \(cure)")]
        case .unreadable(let reason):
            new.issues = [ObjectIssue(source: path, reason: "\(reason); its Services stay")]
        case .text(let text):
            let decoded = decoder.decode(text)
            new = Self.merge(decoded, over: old, path: path)
            new.text = old.text
            if text.isBeginning(of: old.text) {
                new.cutOff = old.cutOff.merging(old.objects) { $1 }
                    .filter { new.objects[$0.key] == nil }
                kind = .missing
            } else if !decoded.isTorn {
                new.text = text
            } else {
                new.cutOff = old.cutOff.filter { new.objects[$0.key] == nil }
            }
        }
        files[path] = new.isUsed ? new : nil
        if kind == .deleted {
            for (key, object) in old.cutOff
            where new.objects[key] == nil && new.cutOff[key] == nil {
                removals.note(object)
            }
        }
        return reindex(path, from: old, to: new, kind)
    }

    /// Sets the issues about the source as a whole.
    package mutating func report(_ issues: [ObjectIssue]) {
        guard issues != sourceIssues else { return }
        sourceIssues = issues
        collectIssues()
    }

    /// Uses the good objects. Bad ones, and all that an unsplittable text may have lost, keep their
    /// last good version.
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
                    reason: bad.reason,
                    service: bad.key?.service
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
        to new: File,
        _ kind: Removals.Kind
    ) -> Set<ServiceName> {
        var affected: Set<ServiceName> = []
        for (key, object) in old.objects where new.objects[key]?.contents != object.contents {
            affected.formUnion(unlink(object, path))
        }
        for (key, object) in new.objects where old.objects[key]?.contents != object.contents {
            affected.formUnion(link(object, path))
        }
        let changed = affected.filter { rebuild($0, kind) }
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

    /// The Services that an object affects, including those of the same key in other files, which
    /// may now win.
    private func affected(_ object: DecodedObject) -> Set<ServiceName> {
        var names = object.serviceNames
        for path in holders[object.key] ?? [] {
            names.formUnion(files[path]?.objects[object.key]?.serviceNames ?? [])
        }
        return names
    }

    /// Rebuilds one Service from all files; true if it differs. `kind` says how absent objects were
    /// removed.
    private mutating func rebuild(_ name: ServiceName, _ kind: Removals.Kind) -> Bool {
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
        // Endpoints is the legacy form of the same data: it is used if there are no slices.
        let found = (slices.isEmpty ? legacy : slices).sorted { $0.name < $1.name }
        let endpoints = found.isEmpty ? nil : found
        guard snapshot.services[name] != service || snapshot.slices[name] != endpoints else {
            return false
        }
        if service == nil, snapshot.services[name] != nil { removals.note(name, kind) }
        let present = Set(found.map(\.name))
        for slice in snapshot.slices[name] ?? [] where !present.contains(slice.name) {
            removals.note(slice: slice.name, of: name, kind)
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
                        reason: "\(key.kind) is also in \(paths[0]), which is used",
                        service: key.service
                    )
                )
            }
        }
        issues += sourceIssues
        let sorted = issues.sorted()
        guard snapshot.issues != sorted else { return }
        snapshot.issues = sorted
        snapshot.revision += 1
    }
}

extension String {
    /// Whether this text is `whole` with its end cut off: a prefix of it, or only white space.
    fileprivate func isBeginning(of whole: String) -> Bool {
        guard utf8.count < whole.utf8.count else { return false }
        return whole.utf8.starts(with: utf8) || allSatisfy(\.isWhitespace)
    }
}

extension Removals {
    /// Records that the object was deleted.
    fileprivate mutating func note(_ object: DecodedObject) {
        for content in object.contents {
            switch content {
            case .service(let service): note(service.name, .deleted)
            case .slice(let slice): note(slice: slice.name, of: slice.service, .deleted)
            case .ignored: break
            }
        }
    }
}

extension DecodedObject {
    /// The Services that this object affects.
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
