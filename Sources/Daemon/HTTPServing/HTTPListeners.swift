import Glibc
import Synchronization

/// Keeps a set of addresses listening. An address that cannot be opened is reported and retried at
/// the next call.
package actor HTTPListeners {
    /// One requested listener.
    package struct Name: Hashable, Sendable, CustomStringConvertible {
        /// Its purpose: `health`, `health check of default/web`.
        package var purpose: String
        package var address: ListeningAddress

        /// What is common to those that share their connections; the purpose by default.
        package var kind: String

        package init(_ purpose: String, kind: String? = nil, _ address: ListeningAddress) {
            self.purpose = purpose
            self.kind = kind ?? purpose
            self.address = address
        }

        package var description: String { "\(purpose) on \(address)" }
    }

    private let server: HTTPServer
    private let open: @Sendable (ListeningAddress) async throws -> Int32
    private var listeners: [Name: HTTPListener] = [:]
    /// The names of `listeners` that have files.
    private let files = Mutex<[Name]>([])
    /// Why a requested address is not being served.
    package private(set) var failures: [Name: String] = [:]

    /// `open` is `ListeningSocket.open`, in the right network namespace.
    package init(
        _ server: HTTPServer,
        open: @escaping @Sendable (ListeningAddress) async throws -> Int32 = { address in
            try ListeningSocket.open(address)
        }
    ) {
        self.server = server
        self.open = open
    }

    /// Serves exactly these from now on, and opens sockets anew whose files were deleted. Call from one task
    /// only.
    package func update(_ wanted: [Name: HTTPAnswer]) async {
        for (name, listener) in listeners where wanted[name] == nil || name.lacksFile {
            listeners[name] = nil
            await listener.close()
            if wanted[name] == nil { name.removeFile() }
        }
        failures = failures.filter { wanted[$0.key] != nil }
        for (name, answer) in wanted where listeners[name] == nil {
            do {
                listeners[name] = try await server.serve(
                    try await open(name.address),
                    kind: name.kind,
                    answer
                )
                failures[name] = nil
            } catch {
                failures[name] = "\(error)"
            }
        }
        let withFiles = listeners.keys.filter(\.hasFile)
        files.withLock { $0 = withFiles }
    }

    /// Stops listening and removes the sockets from the file system.
    package func close() async {
        await update([:])
    }

    package var names: Set<Name> { Set(listeners.keys) }

    /// Whether the file of a socket has been deleted, which `update` opens anew.
    package nonisolated var lackFile: Bool {
        files.withLock { $0 }.contains { $0.lacksFile }
    }
}

extension HTTPListeners.Name {
    fileprivate var hasFile: Bool {
        if case .unix = address { true } else { false }
    }

    /// Its socket has been deleted from the file system, so that no client can find it.
    fileprivate var lacksFile: Bool {
        guard case .unix(let path) = address else { return false }
        return access(path, F_OK) != 0 && errno == ENOENT
    }

    fileprivate func removeFile() {
        if case .unix(let path) = address { unlink(path) }
    }
}
