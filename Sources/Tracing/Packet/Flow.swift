/// What the rules have learnt about the client.
enum ClientMemory: Hashable {
    /// Not seen before; the lists it was put on by now, sorted.
    case new(remembered: [String])
    /// Found on this list.
    case known(list: String)
}

/// A part of the connections that is alike in all that rules can see.
struct Flow: Hashable {
    /// What makes two flows the same.
    struct Key: Hashable {
        var packet: PacketState
        var client: ClientMemory
    }

    var packet: PacketState
    var client = ClientMemory.new(remembered: [])
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
