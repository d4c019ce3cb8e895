import DataplaneModel

/// What of a mode's state decides about packets.
struct TracedState {
    var iptables: IPTablesState
    var sets: [IPSetName: IPSet] = [:]
    /// Nil in a mode without IPVS.
    var servers: VirtualServerChoice?
}
