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
    /// configured network namespace.
    package init(_ configuration: DaemonConfiguration) throws(DataplaneError) {
        let families = configuration.families ?? IPFamily.allCases
        let findings: [KernelCapabilities.Finding]
        if let namespace = configuration.networkNamespace {
            findings = try NetworkNamespace.withNamespace(namespace) {
                KernelCapabilities.nftables(families: families, .fairlead)
            }
        } else {
            findings = KernelCapabilities.nftables(families: families, .fairlead)
        }
        if let missing = findings.first(where: { $0.level == .failure }) {
            mode = .iptables
            reason = "\(missing.subject): \(missing.detail)"
        } else {
            mode = .nftables
            reason = "the kernel has all that it needs"
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
