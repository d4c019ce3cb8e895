import DaemonConfiguration
import HealthChecking
import HostFacts

extension NetworkProber {
    /// Probes from within the configured namespace.
    convenience init(_ configuration: DaemonConfiguration) async throws {
        let namespace = configuration.networkNamespace
        try await self.init(caFile: configuration.healthChecks.caFile) {
            if let namespace { try NetworkNamespace.enter(namespace) }
        }
    }
}
