package import ServiceModel

/// One object in which the kernel differs from the plan, and its owner.
package struct ObjectDifference: Sendable, Hashable {
    /// In the order in which they build on each other.
    package enum Kind: String, Sendable, Hashable, CaseIterable {
        case table
        /// From a built-in chain into one of Fairlead's.
        case jump
        case chain
        /// Of a chain that Services share.
        case rule
        case set
        case element
        case virtualServer = "virtual server"
        case realServer = "real server"
        case address
        case route
        /// A family's socket programs.
        case program
        /// An entry of socket programs' maps.
        case mapEntry = "map entry"
        /// A setting of the host.
        case sysctl
    }

    package enum State: String, Sendable, Hashable {
        /// Wanted, and not in the kernel.
        case missing
        /// In the kernel under a wanted name, and not as it should be.
        case different
        /// In the kernel, and not wanted.
        case unexpected
    }

    package enum Owner: Sendable, Hashable {
        /// Sorted; more than one share the object. Never none.
        case services([ServiceName], port: ServicePortName?)
        /// All Services need it.
        case allServices
        /// Fairlead's by its name, and not wanted by any Service.
        case noService
        /// Of a mode that does not serve any more; it may win over what is wanted.
        case otherMode
    }

    package var kind: Kind
    /// As the kernel's own tools write it, with the table or set it is in.
    package var name: String
    package var state: State
    package var owner: Owner

    package init(kind: Kind, name: String, state: State, owner: Owner) {
        self.kind = kind
        self.name = name
        self.state = state
        self.owner = owner
    }

    /// Sorted.
    package var services: [ServiceName] {
        guard case .services(let names, _) = owner else { return [] }
        return names
    }
}

extension ObjectDifference {
    /// Of one Service port.
    init(_ kind: Kind, _ name: String, _ state: State, owner: ServicePortName?) {
        self.init(kind, name, state, owners: owner.map { [$0] } ?? [])
    }

    /// Of some Service ports; without any, of all Services, or of none if unexpected.
    init(_ kind: Kind, _ name: String, _ state: State, owners: Set<ServicePortName>) {
        self.init(kind, name, state, services: Set(owners.map(\.service)))
        if owners.count == 1, let port = owners.first {
            owner = .services([port.service], port: port)
        }
    }

    /// Of some Services as a whole; without any, of all Services, or of none if unexpected.
    init(_ kind: Kind, _ name: String, _ state: State, services: Set<ServiceName>) {
        let without: Owner = state == .unexpected ? .noService : .allServices
        let owner: Owner = services.isEmpty ? without : .services(services.sorted(), port: nil)
        self.init(kind: kind, name: name, state: state, owner: owner)
    }
}

/// A change of one object before anybody asks for its name, which takes far longer to write than its owners to find.
struct AttributedChange {
    enum Owners {
        case ports(Set<ServicePortName>)
        case services(Set<ServiceName>)
    }

    var kind: ObjectDifference.Kind
    var state: ObjectDifference.State
    var owners: Owners
    var name: () -> String

    var difference: ObjectDifference {
        switch owners {
        case .ports(let ports): ObjectDifference(kind, name(), state, owners: ports)
        case .services(let services): ObjectDifference(kind, name(), state, services: services)
        }
    }

    func addServices(to found: inout Set<ServiceName>) {
        switch owners {
        case .ports(let ports): for port in ports { found.insert(port.service) }
        case .services(let services): found.formUnion(services)
        }
    }
}

extension ObjectDifference: Comparable {
    /// By kind, then by name.
    package static func < (left: ObjectDifference, right: ObjectDifference) -> Bool {
        (left.kind.rank, left.name, left.state.rawValue)
            < (right.kind.rank, right.name, right.state.rawValue)
    }
}

extension ObjectDifference.Kind {
    fileprivate var rank: Int { Self.allCases.firstIndex(of: self) ?? 0 }
}
