/// Something the dataplane remembers about a client.
enum ClientRecord: Hashable {
    /// The client is on this list.
    case list(String)
    /// nftables has this element for the client.
    case element(DynamicElement)

    /// It refers to something that no longer exists.
    var isStale: Bool {
        if case .element(let element) = self { return element.isStale }
        return false
    }
}

/// What the dataplane knows about the client.
enum ClientMemory: Hashable {
    /// Not seen before, with what has been recorded since.
    case new(Set<ClientRecord>)
    /// Found in this record.
    case known(ClientRecord)
}

/// Connections that are the same in everything rules can see.
struct Flow: Hashable {
    /// What makes two flows equal.
    struct Key: Hashable {
        var packet: PacketState
        var client: ClientMemory
    }

    var packet: PacketState
    var client = ClientMemory.new([])
    /// Share of the connections of new clients; 0 for a known client.
    var share: Double

    var key: Key { Key(packet: packet, client: client) }
    /// A copy with a changed packet.
    func changing(_ change: (inout PacketState) -> Void) -> Flow {
        var copy = self
        change(&copy.packet)
        return copy
    }

    var isReturning: Bool {
        if case .known = client { return true }
        return false
    }

    /// The flow of a client already in this record.
    func returning(_ record: ClientRecord) -> Flow {
        Flow(packet: packet, client: .known(record), share: 0)
    }

    /// The flow with its new client added to the record.
    func put(on record: ClientRecord) -> Flow {
        guard case .new(let records) = client else { return self }
        var flow = self
        flow.client = .new(records.union([record]))
        return flow
    }
}

extension [Flow] {
    /// Merges equal flows, in order of first appearance.
    func merged() -> [Flow] {
        guard count > 1 else { return self }
        var index: [Flow.Key: Int] = [:]
        var result: [Flow] = []
        for flow in self {
            if let known = index[flow.key] {
                result[known].share += flow.share
            } else {
                index[flow.key] = result.count
                result.append(flow)
            }
        }
        return result
    }

    var totalShare: Double { reduce(0) { $0 + $1.share } }
}
