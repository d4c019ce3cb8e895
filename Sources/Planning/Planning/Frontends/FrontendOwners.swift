package import Addressing
package import DataplaneModel
package import ServiceModel

/// Which Service port has which frontend in one family, made at once from a snapshot: what turns
/// the kernel's counts into Services' without a planner at hand.
package struct FrontendOwners: Sendable {
    package enum Frontend: Hashable, Sendable {
        case address(SocketAddress, TransportProtocol)
        case nodePort(TransportProtocol, PortNumber)
    }

    private struct Claim: ContestedClaim {
        var frontend: Frontend
        var rank: FrontendRank
        var owner: ServicePortName
        var standing: ClaimStanding

        var subject: String { "\(frontend)" }
    }

    private let family: IPFamily
    package private(set) var owners: [Frontend: ServicePortName] = [:]
    /// The marks of ipvs mode.
    private var ports: [UInt32: ServicePortName] = [:]
    /// Every port of every Service in the family.
    package private(set) var all: [ServicePortName] = []

    package init(_ snapshot: ServiceSnapshot, family: IPFamily, settings: PlannerSettings) {
        self.family = family
        var contests = FrontendContests<Claim>()
        var marked: Set<ServicePortName> = []
        for (_, service) in snapshot.services {
            // Frontends do not depend on endpoints.
            guard let state = ServiceState(service, slices: [], family: family, settings: settings)
            else { continue }
            for port in state.ports {
                all.append(port.name)
                if ServiceServers.needsMark(port) { marked.insert(port.name) }
                for claim in Self.claims(port, service.standing) {
                    owners[claim.frontend] = contests.enter(claim)?.owner
                }
            }
        }
        var marks = InsideMarks(masqueradeBit: settings.masqueradeBit)
        _ = marks.update(removing: [], adding: marked)
        for (port, mark) in marks.marks { ports[mark] = port }
    }

    private static func claims(_ port: ServicePortState, _ standing: ClaimStanding) -> [Claim] {
        var claims: [Claim] = []
        func claim(_ address: IPAddress, _ rank: FrontendRank) {
            let socket = SocketAddress(address, port.port)
            let frontend = Frontend.address(socket, port.name.transport)
            guard !claims.contains(where: { $0.frontend == frontend }) else { return }
            claims.append(
                Claim(frontend: frontend, rank: rank, owner: port.name, standing: standing)
            )
        }
        if let address = port.clusterIP { claim(address, .clusterIP) }
        for address in port.externalIPs { claim(address, .externalIP) }
        for address in port.loadBalancerAddresses { claim(address, .loadBalancer) }
        if let number = port.nodePort {
            claims.append(
                Claim(
                    frontend: .nodePort(port.name.transport, number),
                    rank: .nodePort,
                    owner: port.name,
                    standing: standing
                )
            )
        }
        return claims
    }

    /// Whose virtual server that is; nil if it is no frontend of ours.
    package func owner(of key: VirtualServer.Key) -> ServicePortName? {
        switch key {
        case .mark(let mark, _): ports[mark]
        case .frontend(let socket, let transport):
            owners[.address(socket, transport)] ?? owners[.nodePort(transport, socket.port)]
        }
    }
}
