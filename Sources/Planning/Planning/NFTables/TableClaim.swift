import Addressing
import DataplaneModel
import ServiceModel

/// A wish to decide what happens to connections to an address or a node port, as elements of sets.
struct TableClaim: ContestedClaim {
    enum Frontend: Hashable {
        case address(SocketAddress, TransportProtocol)
        case nodePort(TransportProtocol, PortNumber)
    }

    /// One element.
    struct Entry: Equatable {
        var set: TableSet
        var element: NFTElement
    }

    var frontend: Frontend
    var rank: FrontendRank
    var owner: ServicePortName
    var standing: ClaimStanding
    var entries: [Entry] = []

    var subject: String {
        switch frontend {
        case .address(let socket, let transport): "\(socket)/\(transport.keyword)"
        case .nodePort(let transport, let port): "\(port)/\(transport.keyword)"
        }
    }

    /// The key of the frontend in the sets of its sort.
    var key: NFTValue {
        switch frontend {
        case .address(let socket, let transport): NFTValue(socket, transport)
        case .nodePort(let transport, let port): NFTValue(transport, port)
        }
    }

    /// Adds the frontend to a set, or to a map with where it leads.
    mutating func enter(_ set: TableSet, _ value: UInt32? = nil) {
        let data = value.map { NFTData.value(NFTValue($0)) } ?? .none
        entries.append(Entry(set: set, element: NFTElement(key, data)))
    }
}
