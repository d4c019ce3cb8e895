import DaemonConfiguration
import ServiceModel
import ServiceSources

/// The sources that the configuration names, and what they add up to.
struct ServiceInputs {
    /// What one of them brings.
    enum Arrival: Sendable {
        case files(SnapshotUpdate)

        /// As metrics and status name it.
        var source: String {
            switch self {
            case .files: "files"
            }
        }
    }

    private let files: FileSource?
    private var merger: SnapshotMerger

    init(_ configuration: DaemonConfiguration) {
        let sources = configuration.sources
        files = FileSource(
            path: sources.filePath,
            serviceProxyName: sources.serviceProxyName,
            stateDirectory: sources.stateDirectory
        )
        merger = SnapshotMerger([.files], fileSource: sources.filePath)
    }

    /// Follows the sources until the tasks are cancelled.
    func follow(_ yield: @escaping @Sendable (Arrival) -> Void) -> [Task<Void, Never>] {
        var feeds: [Task<Void, Never>] = []
        if let files {
            feeds.append(
                Task { for await update in files.updates() { yield(.files(update)) } }
            )
        }
        return feeds
    }

    /// Takes in what a source brought; nil as long as another has not reported.
    mutating func take(_ arrival: Arrival) -> SnapshotUpdate? {
        switch arrival {
        case .files(let update): merger.take(update, from: .files)
        }
    }

    /// Those that have not reported yet.
    var missing: [ServiceOrigin] { merger.missing }

    /// Looks at every file again.
    func rescan() { files?.rescan() }
}
