import Addressing
import DaemonConfiguration
import DataplaneModel
import LinuxKernel

/// What `mode: auto` comes down to on this host, and why.
struct ModeChoice {
    var mode: DaemonConfiguration.Mode
    var reason: String

    /// nftables where the kernel has all that its layout needs, else iptables. Looks into the
    /// configured network namespace.
    init(_ configuration: DaemonConfiguration) throws(DataplaneError) {
        let families = configuration.families ?? IPFamily.allCases
        let findings: [KernelCapabilities.Finding]
        if let namespace = configuration.networkNamespace {
            findings = try NetworkNamespace.withNamespace(namespace) {
                KernelCapabilities.nftables(families: families)
            }
        } else {
            findings = KernelCapabilities.nftables(families: families)
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
    /// With a mode that is one, not `auto`; tells which and why.
    func choosingMode(_ tell: (ModeChoice) -> Void) throws(DataplaneError) -> DaemonConfiguration {
        guard mode == .auto else { return self }
        let choice = try ModeChoice(self)
        tell(choice)
        var chosen = self
        chosen.mode = choice.mode
        return chosen
    }
}

extension ConfigurationOptions {
    /// The configuration for a command that ends, as `loadLikeDaemon` finds it: what was odd, and the
    /// chosen mode, are told on standard error.
    func loadWithMode() throws -> DaemonConfiguration {
        try choosingMode(try loadLikeDaemon())
    }

    /// With a mode that is one, which is told on standard error.
    func choosingMode(_ configuration: DaemonConfiguration) throws -> DaemonConfiguration {
        try withAdvice {
            try configuration.choosingMode { choice in
                complain("mode auto: \(choice.mode.rawValue), \(choice.reason)")
            }
        }
    }
}
