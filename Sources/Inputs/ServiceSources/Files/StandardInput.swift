package import ServiceModel
import SystemCalls

/// The manifest that is a command's standard input.
package enum StandardInput {
    /// What stands for it on a command line, in place of a path.
    package static let path = "-"
    /// What messages call it.
    package static let title = "standard input"

    /// Why it cannot be used.
    package struct Unusable: Error {
        package var reason: String
    }

    /// Reads it to its end.
    package static func load(serviceProxyName: String) throws(Unusable) -> SnapshotUpdate {
        let bytes: [UInt8]
        do throws(FileError) {
            bytes = try WholeFile.read("/dev/stdin", limit: ManifestFiles.maximumBytes)
        } catch {
            throw Unusable(reason: "cannot be read: \(error.reason)")
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw Unusable(reason: "is not UTF-8 text")
        }
        var store = ManifestStore(decoder: ManifestDecoder(serviceProxyName: serviceProxyName))
        _ = store.update(title, .text(text))
        return SnapshotUpdate(snapshot: store.snapshot, changed: .all)
    }
}
