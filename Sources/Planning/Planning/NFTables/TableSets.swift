import Addressing
import DataplaneModel

/// The sets and maps of the table, which hold all that is there for Services.
enum TableSet: UInt8, CaseIterable {
    case clusterIPs
    case externalIPs
    case localIPs
    case externalClientIPs
    case internalClientIPs
    case externalPorts
    case localPorts
    case externalClientPorts
    case internalClientPorts
    case endpoints
    case balancers
    case affinity
    case choices
    case numbers
    case hairpin
    case sourceRestricted
    case allowed
    case rejected
    case dropped
    case rejectedPorts
    case droppedPorts
    case clusterAddresses
    // Those that are there for their counters alone.
    case notAllowed
    case traffic
    case portTraffic

    var name: NFTSetName { NFTSetName(text) }

    private var text: String {
        switch self {
        case .clusterIPs: "cluster-ips"
        case .externalIPs: "external-ips"
        case .localIPs: "local-ips"
        case .externalClientIPs: "outside-ips"
        case .internalClientIPs: "inside-ips"
        case .externalPorts: "external-ports"
        case .localPorts: "local-ports"
        case .externalClientPorts: "outside-ports"
        case .internalClientPorts: "inside-ports"
        case .endpoints: "endpoints"
        case .balancers: "balancers"
        case .affinity: "affinity"
        case .choices: "choices"
        case .numbers: "numbers"
        case .hairpin: "hairpin"
        case .sourceRestricted: "guarded"
        case .allowed: "allowed"
        case .rejected: "rejected"
        case .dropped: "dropped"
        case .rejectedPorts: "rejected-ports"
        case .droppedPorts: "dropped-ports"
        case .clusterAddresses: "cluster-addresses"
        case .notAllowed: "not-allowed"
        case .traffic: "traffic"
        case .portTraffic: "port-traffic"
        }
    }

    /// The sets of a table that counts, or does not.
    static func all(counting: Bool) -> [TableSet] {
        counting ? allCases : allCases.filter { !$0.isOnlyForCounting }
    }

    private var isOnlyForCounting: Bool {
        switch self {
        case .notAllowed, .traffic, .portTraffic: true
        default: false
        }
    }

    /// Without a size: a set that has to grow would make the table anew, and forget clients.
    func empty(counting: Bool) -> NFTSet {
        var shape = shape
        shape.countsPackets = counting && counts
        return NFTSet(name, shape, isDispatchMap: isDispatchMap, title: title)
    }

    private var counts: Bool {
        switch self {
        case .rejected, .dropped, .rejectedPorts, .droppedPorts: true
        default: isOnlyForCounting
        }
    }

    /// What packets meet first, and so is filled last.
    private var isDispatchMap: Bool {
        switch self {
        case .clusterIPs, .externalIPs, .localIPs, .externalClientIPs, .internalClientIPs,
            .externalPorts,
            .localPorts, .externalClientPorts, .internalClientPorts, .sourceRestricted, .rejected,
            .dropped,
            .rejectedPorts, .droppedPorts, .clusterAddresses:
            true
        case .endpoints, .balancers, .affinity, .choices, .numbers, .hairpin, .allowed, .notAllowed,
            .traffic, .portTraffic:
            false
        }
    }

    private static let frontend: [NFTField] = [.address, .transport, .port]
    private static let nodePort: [NFTField] = [.transport, .port]

    private var shape: NFTSetShape {
        switch self {
        case .clusterIPs, .externalIPs, .externalClientIPs, .internalClientIPs:
            NFTSetShape(Self.frontend, mapping: .fields([.classID]))
        case .localIPs, .sourceRestricted, .rejected, .dropped, .notAllowed, .traffic:
            NFTSetShape(Self.frontend)
        case .externalPorts, .externalClientPorts, .internalClientPorts:
            NFTSetShape(Self.nodePort, mapping: .fields([.classID]))
        case .localPorts, .rejectedPorts, .droppedPorts, .portTraffic:
            NFTSetShape(Self.nodePort)
        case .endpoints: NFTSetShape([.classID, .number], mapping: .fields([.address, .port]))
        case .balancers, .affinity: NFTSetShape([.classID], mapping: .verdict)
        case .choices: NFTSetShape([.classID, .number], mapping: .fields([.classID]))
        case .numbers: NFTSetShape([.classID], mapping: .fields([.address, .port]))
        case .hairpin: NFTSetShape([.address, .address])
        case .allowed: NFTSetShape(Self.frontend + [.address], isInterval: true)
        case .clusterAddresses: NFTSetShape([.address])
        }
    }

    private var title: String {
        switch self {
        case .clusterIPs: "ClusterIPs, and their endpoints"
        case .externalIPs: "external addresses, policy Cluster"
        case .localIPs: "external addresses, policy Local"
        case .externalClientIPs: "policy Local: endpoints for clients outside"
        case .internalClientIPs: "policy Local: endpoints for pods and the node itself"
        case .externalPorts: "node ports, policy Cluster"
        case .localPorts: "node ports, policy Local"
        case .externalClientPorts: "node ports, policy Local: endpoints for clients outside"
        case .internalClientPorts:
            "node ports, policy Local: endpoints for pods and the node itself"
        case .endpoints: "the endpoint in each slot"
        case .balancers: "how a slot is chosen, by kind and number of slots"
        case .affinity: "Services whose clients keep their endpoint"
        case .choices: "session affinity: the endpoint number in each slot"
        case .numbers: "session affinity: endpoints by number"
        case .hairpin: "endpoints that may reach themselves"
        case .sourceRestricted: "only for some sources"
        case .allowed: "the sources that may connect"
        case .rejected: "without any endpoint"
        case .dropped: "endpoints elsewhere only"
        case .rejectedPorts: "node ports without any endpoint"
        case .droppedPorts: "node ports with endpoints elsewhere only"
        case .clusterAddresses: "ClusterIPs: ports that no Service has are refused"
        case .notAllowed: "counts connections that the source ranges refuse"
        case .traffic: "counts packets of connections, both ways"
        case .portTraffic: "the same for node ports"
        }
    }
}
