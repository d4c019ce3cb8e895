package import Addressing
import CNetlink
package import DataplaneModel
import Glibc
import HostFacts
import IPSets
import IPVS
import Netlink

extension KernelCapabilities {
    /// Checks everything that ipvs mode depends on. Changes nothing, but may make the kernel load
    /// modules.
    package static func ipvs(
        families: [IPFamily],
        scheduler: SchedulerName,
        needsDummy: Bool
    ) -> [Finding] {
        var capabilities = KernelCapabilities(
            families: families,
            tables: [.filter, .mangle, .nat],
            extensions: extensions.filter { sharedExtensions.contains($0.name) } + setExtensions
        )
        let modules = KernelModules()
        capabilities.checkIPVS(families)
        capabilities.checkModule(
            "ip_vs_\(scheduler)",
            option: "CONFIG_IP_VS_\(scheduler.text.uppercased())",
            subject: "scheduler \(scheduler)",
            modules
        )
        if needsDummy {
            capabilities.checkModule(
                "dummy",
                option: "CONFIG_DUMMY",
                subject: "dummy links",
                modules
            )
        }
        for family in families { capabilities.checkSets(family) }
        return capabilities.findings
    }

    /// Those of iptables mode that ipvs mode uses, too.
    private static let sharedExtensions: Set = [
        "conntrack", "mark", "addrtype", "bpf", "MASQUERADE", "MARK", "REJECT",
    ]

    private static let setExtensions = [
        RuleExtension("set", 4, cure: Cure.missing("xt_set", "CONFIG_NETFILTER_XT_SET")),
        RuleExtension(
            "SET",
            3,
            isTarget: true,
            cure: Cure.missing("xt_set", "CONFIG_NETFILTER_XT_SET")
        ),
        RuleExtension("ipvs", 0, cure: Cure.missing("xt_ipvs", "CONFIG_NETFILTER_XT_MATCH_IPVS")),
    ]

    private mutating func checkIPVS(_ families: [IPFamily]) {
        let subject = "IPVS"
        do throws(DataplaneError) {
            let socket = try IPVSSocket()
            let answer = try socket.ask(IPVS_CMD_GET_INFO)
            let version = answer?.attribute(IPVS_INFO_ATTR_VERSION)?.number(UInt32.self) ?? 0
            let parts = [version >> 16, version >> 8, version].map { String($0 & 255) }
            add(.good, subject, "version \(parts.joined(separator: "."))")
            // The virtual server need not exist: a kernel without IPv6 in IPVS refuses the request.
            if families.contains(.ipv6) { _ = try socket.virtualServer(.mark(1, .ipv6)) }
        } catch {
            let lack =
                error.errno == EAFNOSUPPORT
                ? "lacks IPv6: needs a kernel built with CONFIG_IP_VS_IPV6" : nil
            findings.append(Finding(subject, refusal: error, lack))
            return
        }
        do throws(DataplaneError) {
            _ = try Sysctl.read("net.ipv4.vs.conntrack")
        } catch {
            guard error.kind == .notFound else { return }
            add(
                .failure,
                subject,
                "lacks connection tracking, without which nothing can be masqueraded: needs a kernel built with CONFIG_IP_VS_NFCT"
            )
        }
    }

    private mutating func checkModule(
        _ module: String,
        option: String,
        subject: String,
        _ modules: KernelModules
    ) {
        switch modules.state(module) {
        case .present: add(.good, subject, "present")
        case .loadable: add(.good, subject, "the kernel can load \(module)")
        case .absent:
            add(
                .failure,
                subject,
                "no module \(module) in \(modules.directory): needs a kernel built with \(option), or the package with its modules"
            )
        case .unknown:
            add(
                .note,
                subject,
                "unknown: \(modules.directory) cannot be read; if it is missing: \(Cure.missing(module, option))"
            )
        }
    }

    private mutating func checkSets(_ family: IPFamily) {
        let subject = "\(family.rawValue) sets"
        do throws(DataplaneError) {
            let missing = try IPSetStore.missingKinds(family).map { kind, module in
                "\(kind.rawValue): \(Cure.missing(module, "CONFIG_\(module.uppercased())"))"
            }
            if missing.isEmpty {
                let kinds = IPSetKind.allCases.map(\.rawValue).joined(separator: " ")
                add(.good, subject, kinds)
            } else {
                add(.failure, subject, "missing: \(missing.joined(separator: "; "))")
            }
        } catch {
            findings.append(Finding(subject, refusal: error))
        }
    }
}
