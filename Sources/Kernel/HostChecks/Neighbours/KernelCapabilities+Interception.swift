package import Addressing
import CIPTables
package import DataplaneModel
import XTables

extension KernelCapabilities {
    /// A node port of a Service.
    package struct NodePort: Sendable, Hashable {
        package var transport: TransportProtocol
        package var port: UInt16
        /// The Service, to be shown: `shop/web`.
        package var owner: String

        package init(_ transport: TransportProtocol, _ port: UInt16, owner: String) {
            self.transport = transport
            self.port = port
            self.owner = owner
        }
    }

    /// Foreign rules that send connections to node ports elsewhere, such as a hostPort of the
    /// portmap plugin or a published port of Docker. Reads only; what cannot be read is not reported.
    package static func interceptions(
        _ families: [IPFamily],
        _ nodePorts: [NodePort],
        _ ownership: Ownership
    ) -> [Finding] {
        guard !nodePorts.isEmpty else { return [] }
        let translations =
            legacyTranslations(families, ownership) + nftTranslations(families, ownership)
        return nodePorts.flatMap { nodePort in
            translations.filter {
                $0.transport == nodePort.transport && $0.ports.contains(nodePort.port)
            }.map {
                Finding(
                    .note,
                    "node port \(nodePort.port)/\(nodePort.transport.keyword)",
                    "of \(nodePort.owner): \($0.place) sends connections to that port elsewhere, as for a hostPort or a published port; the chain that translates first wins, of two with the same priority the one registered last: change one of the ports"
                )
            }
        }
    }

    /// Foreign rules that drop every packet, on purpose. Reads only, as `interceptions`.
    package static func panics(_ families: [IPFamily], _ ownership: Ownership) -> [Finding] {
        var capabilities = KernelCapabilities()
        guard var reader = try? NFTForeignChains(families, ownership),
            let bases = try? reader.bases()
        else { return [] }
        for base in bases { capabilities.checkPanic(base) }
        return capabilities.findings
    }

    private typealias Translation = (
        place: String, transport: TransportProtocol, ports: ClosedRange<UInt16>
    )

    private static func legacyTranslations(
        _ families: [IPFamily],
        _ ownership: Ownership
    ) -> [Translation] {
        var found: [Translation] = []
        for family in families where LegacyTables.used(family).contains(.nat) {
            func ports() throws(DataplaneError) -> [Translation] {
                try IPTablesTable(.nat, family).translatedPorts(ownership)
            }
            let program = family == .ipv4 ? "iptables-legacy" : "ip6tables-legacy"
            found += ((try? ports()) ?? []).map {
                (
                    "chain \(NFTForeignChains.shown($0.place)) of nat (\(program))", $0.transport,
                    $0.ports
                )
            }
        }
        return found
    }

    private static func nftTranslations(
        _ families: [IPFamily],
        _ ownership: Ownership
    ) -> [Translation] {
        var found: [Translation] = []
        do throws(DataplaneError) {
            var reader = try NFTForeignChains(families, ownership)
            var seen: Set<[String]> = []
            for base in try reader.bases()
            where base.type == "nat" && base.hook == NF_INET_PRE_ROUTING.rawValue {
                guard seen.insert([base.family, base.table]).inserted else { continue }
                for (chain, rule) in try reader.allRules(base) {
                    guard let (number, port) = rule.translatedPort,
                        let transport = TransportProtocol(number: number)
                    else { continue }
                    let names = [base.table, chain].map(NFTForeignChains.shown)
                    found.append(
                        (
                            "chain \(base.family) \(names.joined(separator: " "))", transport,
                            port...port
                        )
                    )
                }
            }
        } catch {
            // The mode's own findings report what cannot be read.
        }
        return found
    }
}
