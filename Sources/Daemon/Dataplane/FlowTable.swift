package import Addressing
package import DataplaneModel
package import Planning

/// The UDP flows in the kernel: in connection tracking, and as sockets of the socket level. Calls come from one
/// thread, and the first of them enters the configured network namespace.
package protocol FlowTable {
    /// The addresses on the node's interfaces; fails as the kernel does.
    func localAddresses() throws(DataplaneError) -> [IPAddress]

    /// Deletes the flows of a family that `isStale` picks; returns how many were deleted, and those
    /// that the kernel refused to delete.
    ///
    /// - Throws: the kernel's error if the table cannot be read; `unsupported` if it has none.
    func deleteFlows(
        _ family: IPFamily,
        where isStale: (UDPFlow) -> Bool
    ) throws(DataplaneError) -> (deleted: Int, failures: [DataplaneError])

    /// Ends the connected sockets of a family that `isStale` picks, of those that the socket level gave one of these
    /// endpoints, or any for nil; returns how many were ended, and those that the kernel refused to end.
    ///
    /// - Throws: the kernel's error if sockets cannot be listed; `unsupported` if it never ends or lists any.
    func endSockets(
        _ family: IPFamily,
        _ scope: SocketScope,
        at endpoints: Set<SocketAddress>?,
        where isStale: @escaping @Sendable (UDPFlow) -> Bool
    ) throws(DataplaneError) -> (ended: Int, failures: [DataplaneError])
}

/// Whose sockets the socket level serves.
package enum SocketScope: Sendable {
    /// Those in the node's network namespace.
    case node
    /// Pods' too.
    case pods
}

/// What to delete in one family.
package struct FlowRequest: Sendable {
    package var check: FlowCheck
    package var settings: PlannerSettings
    package var mode: ProxyMode
    /// Entries of connection tracking are deleted.
    package var cleansTable = true
    /// Sockets are ended; nil if none are.
    package var sockets: SocketScope?

    package init(check: FlowCheck, settings: PlannerSettings, mode: ProxyMode) {
        self.check = check
        self.settings = settings
        self.mode = mode
    }

    var isEmpty: Bool { check.isEmpty || !cleansTable && sockets == nil }

    /// Both, as the later one says.
    func merged(with later: FlowRequest) -> FlowRequest {
        var merged = later
        merged.check = check
        merged.check.merge(later.check)
        merged.cleansTable = cleansTable || later.cleansTable
        merged.sockets = later.sockets ?? sockets
        return merged
    }

    /// What is left to do for these failures.
    func remaining(after failures: [FlowCleaner.Problem]) -> FlowRequest {
        var rest = self
        if !failures.contains(where: { !$0.isOfSockets }) { rest.cleansTable = false }
        if !failures.contains(where: { $0.isOfSockets }) { rest.sockets = nil }
        return rest
    }
}
