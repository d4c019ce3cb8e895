import Addressing
import DataplaneModel

/// An element of a set or map of the table.
struct TableElement: Equatable {
    var set: TableSet
    var element: NFTElement
}

extension NFTValue {
    /// The key of a frontend in the sets of its sort.
    init(_ frontend: FrontendKey) {
        switch frontend {
        case .address(let socket, let transport): self.init(socket, transport)
        case .nodePort(let port, let transport): self.init(transport, port)
        case .healthCheck(let port): self.init(TransportProtocol.tcp, port)
        case .remainder(let address): self.init(address)
        case .mark(let mark): self.init(mark)
        }
    }
}

extension FrontendClaim<[TableElement]> {
    /// Adds the frontend to a set, or to a map with where it leads.
    mutating func enter(_ set: TableSet, _ value: GroupValue? = nil) {
        let data = value.map { NFTData.value(NFTValue($0.rawValue)) } ?? .none
        content.append(TableElement(set: set, element: NFTElement(NFTValue(key), data)))
    }
}
