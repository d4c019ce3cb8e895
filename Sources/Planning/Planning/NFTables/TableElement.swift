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

/// What the table has for a frontend: its key in some sets. The elements are made from it when they are
/// needed, as they take ten times its memory.
struct FrontendContent: Equatable, Sendable {
    private struct Entry: Equatable {
        var set: TableSet
        /// Where the frontend leads, in a map.
        var value: UInt32?
    }

    private var entries: [Entry] = []
    /// Sources that may connect, if not all may.
    var allowed: [IPPrefix] = []

    /// Adds the frontend to a set, or to a map with where it leads.
    mutating func enter(_ set: TableSet, _ value: GroupValue? = nil) {
        entries.append(Entry(set: set, value: value?.rawValue))
    }

    /// The elements for a frontend.
    func elements(_ frontend: FrontendKey) -> [TableElement] {
        let key = NFTValue(frontend)
        let own = entries.map { entry in
            let data = entry.value.map { NFTData.value(NFTValue($0)) } ?? .none
            return TableElement(set: entry.set, element: NFTElement(key, data))
        }
        if allowed.isEmpty { return own }
        return own
            + allowed.map {
                TableElement(set: .allowed, element: NFTElement(key.appending($0)))
            }
    }
}

extension FrontendClaim<FrontendContent> {
    var elements: [TableElement] { content.elements(key) }
}
