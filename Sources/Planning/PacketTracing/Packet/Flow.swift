/// Something that the dataplane keeps in mind of a client.
enum ClientRecord: Hashable {
    /// The client is on this list.
    case list(String)
    /// nftables has this element for the client.
    case element(DynamicElement)

    /// It leads to nothing that is there now.
    var isStale: Bool {
        if case .element(let element) = self { return element.isStale }
        return false
    }
}

/// What the dataplane has learnt about the client.
enum ClientMemory: Hashable {
    /// Not seen before; what is on record by now.
    case new(Set<ClientRecord>)
    /// Found on record.
    case known(ClientRecord)
}

/// A part of the connections that is alike in all that rules can see.
struct Flow: Hashable {
    /// What makes two flows the same.
    struct Key: Hashable {
        var packet: PacketState
        var client: ClientMemory
    }

    var packet: PacketState
    var client = ClientMemory.new([])
    /// Of the connections of new clients; 0 for a client that is known.
    var share: Double

    var key: Key { Key(packet: packet, client: client) }
    /// A copy whose packet is changed.
    func changing(_ change: (inout PacketState) -> Void) -> Flow {
        var copy = self
        change(&copy.packet)
        return copy
    }

    var isReturning: Bool {
        if case .known = client { return true }
        return false
    }

    /// What becomes of a client that is on record already.
    func returning(_ record: ClientRecord) -> Flow {
        Flow(packet: packet, client: .known(record), share: 0)
    }

    /// A new client is on record from now on.
    func put(on record: ClientRecord) -> Flow {
        guard case .new(let records) = client else { return self }
        var flow = self
        flow.client = .new(records.union([record]))
        return flow
    }
}

extension [Flow] {
    /// Equal flows become one, in the order in which they first appear.
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
