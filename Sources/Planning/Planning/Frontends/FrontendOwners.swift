package import Addressing
package import DataplaneModel
package import ServiceModel

/// Which Service port has which frontend in one family, made at once from a snapshot: what turns
/// the kernel's counts into Services' without a planner at hand.
package struct FrontendOwners: Sendable {
    package private(set) var owners: [FrontendKey: ServicePortName] = [:]
    /// Every port of every Service in the family.
    package private(set) var all: [ServicePortName] = []

    package init(_ snapshot: ServiceSnapshot, family: IPFamily, settings: PlannerSettings) {
        var contests = FrontendContests<Never?>()
        var marked: Set<ServicePortName> = []
        for (_, service) in snapshot.services {
            // Frontends do not depend on endpoints.
            guard let state = ServiceState(service, slices: [], family: family, settings: settings)
            else { continue }
            for port in state.ports {
                all.append(port.name)
                if port.separatesInternalClients { marked.insert(port.name) }
                for frontend in port.frontends {
                    owners[frontend.key] =
                        contests.enter(FrontendClaim(frontend, port, nil))?.owner
                }
            }
        }
        var marks = InternalMarks(masqueradeBit: settings.masqueradeBit)
        _ = marks.update(removing: [], adding: marked)
        for (port, mark) in marks.marks { owners[.mark(mark)] = port }
    }

    /// Whose virtual server that is; nil if it is no Service's.
    package func owner(of key: VirtualServer.Key) -> ServicePortName? {
        switch key {
        case .mark(let mark, _): owners[.mark(mark)]
        case .frontend(let socket, let transport):
            owners[.address(socket, transport)] ?? owners[.nodePort(socket.port, transport)]
        }
    }
}
