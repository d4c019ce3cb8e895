package import ServiceModel
package import SystemCalls

/// The manifest that is a command's standard input.
package enum StandardInput {
    /// What stands for it on a command line, in place of a path.
    package static let path = "-"
    /// What messages call it.
    package static let title = "standard input"

    /// Reads it to its end.
    package static func load(serviceProxyName: String) throws(FileError) -> SnapshotUpdate {
        let bytes = try WholeFile.read("/dev/stdin", limit: ManifestFiles.maximumBytes)
        var store = ManifestStore(decoder: ManifestDecoder(serviceProxyName: serviceProxyName))
        let content: ManifestStore.FileContent =
            String(validating: bytes, as: UTF8.self).map { .text($0) }
            ?? .unreadable(reason: "is not UTF-8 text")
        _ = store.update(title, content)
        return SnapshotUpdate(snapshot: store.snapshot, changed: .all)
    }
}
