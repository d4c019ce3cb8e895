package import Addressing
package import DataplaneModel
package import ServiceModel

/// Which Service port has which frontend in one family, from a snapshot alone. Attributes the
/// kernel's counts to Services where there is no planner.
package struct FrontendOwners: Sendable {
    package private(set) var owners: [FrontendKey: ServicePortName] = [:]
    /// Every port of every Service in the family.
    package private(set) var all: [ServicePortName] = []

    package init(_ snapshot: ServiceSnapshot, family: IPFamily, settings: PlannerSettings) {
        var claims = FrontendClaims<Never?>()
        var claimed: Set<FrontendKey> = []
        var marked: Set<ServicePortName> = []
        for (name, service) in snapshot.services {
            // Frontends do not depend on endpoints.
            guard let state = ServiceState(service, slices: [], family: family, settings: settings)
            else { continue }
            all += state.ports.map(\.name)
            marked.formUnion(state.ports.filter(\.separatesInternalClients).map(\.name))
            let new = state.ports.flatMap { port in
                port.frontends.map { FrontendClaim<Never?>($0, port, nil) }
            }
            claims.enter(new, of: name, &claimed)
        }
        for key in claimed { owners[key] = claims.winner(of: key)?.owner }
        var marks = InternalMarks(masqueradeBit: settings.masqueradeBit)
        _ = marks.update(removing: [], adding: marked)
        for (port, mark) in marks.marks { owners[.mark(mark)] = port }
    }

    /// The Service port of a virtual server; nil if it is not of a Service.
    package func owner(of key: VirtualServer.Key) -> ServicePortName? {
        switch key {
        case .mark(let mark, _): owners[.mark(mark)]
        case .frontend(let socket, let transport):
            owners[.address(socket, transport)] ?? owners[.nodePort(socket.port, transport)]
        }
    }
}
