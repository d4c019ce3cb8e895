import Addressing
package import DaemonConfiguration
package import DataplaneModel
import HostChecks
import HostFacts

/// What `mode: auto` comes down to on this host, and why.
package struct ModeChoice {
    package var mode: ProxyMode
    package var reason: String

    /// nftables where the kernel has all that its layout needs, else iptables. Looks into the
    /// configured network namespace. Without the right to look, nftables is presumed.
    package init(_ configuration: DaemonConfiguration) throws(DataplaneError) {
        let findings: [KernelCapabilities.Finding]
        do throws(DataplaneError) {
            findings = try Self.findings(configuration)
        } catch {
            guard error.kind == .notPermitted else { throw error }
            self = .presumed
            return
        }
        if let missing = findings.first(where: { $0.level == .failure }) {
            mode = .iptables
            reason = "\(missing.subject): \(missing.detail)"
        } else if findings.contains(where: \.isUnseen) {
            self = .presumed
        } else {
            mode = .nftables
            reason = "the kernel has all that it needs"
        }
    }

    private init(mode: ProxyMode, reason: String) {
        self.mode = mode
        self.reason = reason
    }

    private static var presumed: ModeChoice {
        ModeChoice(
            mode: .nftables,
            reason: "presumed, as only root may look at what the kernel has"
        )
    }

    private static func findings(
        _ configuration: DaemonConfiguration
    ) throws(DataplaneError) -> [KernelCapabilities.Finding] {
        let families = configuration.families ?? IPFamily.allCases
        guard let namespace = configuration.networkNamespace else {
            return KernelCapabilities.nftables(families: families, .fairlead)
        }
        return try NetworkNamespace.withNamespace(namespace) {
            KernelCapabilities.nftables(families: families, .fairlead)
        }
    }
}

extension DaemonConfiguration {
    /// With a concrete mode in place of `auto`; `report` is called with the choice. Fails as the kernel
    /// does, and if it supports no mode.
    package func choosingMode(_ report: (ModeChoice) -> Void) throws(DataplaneError)
        -> DaemonConfiguration
    {
        guard mode == nil else { return self }
        let choice = try ModeChoice(self)
        report(choice)
        var chosen = self
        chosen.mode = choice.mode
        return chosen
    }
}
