import NIOSSL
import Synchronization
import SystemCalls

/// The TLS settings of all probes. Certificates are read when first needed, because that takes a
/// while.
final class TLSContexts: Sendable {
    private struct State {
        var caFile: String?
        var contexts: [Bool: NIOSSLContext] = [:]
    }

    private static let maximumBytes = 16 << 20

    private let state: Mutex<State>

    init(caFile: String?) {
        state = Mutex(State(caFile: caFile))
    }

    func reset(caFile: String?) {
        state.withLock { $0 = State(caFile: caFile) }
    }

    /// Throws if the certificate file cannot be used.
    func context(verifies: Bool) throws -> NIOSSLContext {
        try state.withLock { state in
            if let context = state.contexts[verifies] { return context }
            var configuration = TLSConfiguration.makeClientConfiguration()
            if !verifies {
                configuration.certificateVerification = .none
            } else if let file = state.caFile {
                configuration.trustRoots = .certificates(try Self.certificates(file))
            }
            let context = try NIOSSLContext(configuration: configuration)
            state.contexts[verifies] = context
            return context
        }
    }

    private static func certificates(_ file: String) throws -> [NIOSSLCertificate] {
        do {
            // A pipe would be waited for.
            let bytes = try WholeFile.read(file, limit: Self.maximumBytes, regularOnly: true)
            return try NIOSSLCertificate.fromPEMBytes(bytes)
        } catch {
            throw Unreadable(file: file)
        }
    }

    struct Unreadable: Error, CustomStringConvertible {
        var file: String

        var description: String { "healthChecks.caFile: cannot read certificates from \(file)" }
    }
}
