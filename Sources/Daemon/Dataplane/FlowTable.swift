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

    /// Ends the connected sockets of a family that `isStale` picks, of those that the socket level gave an endpoint.
    ///
    /// - Throws: the kernel's error if sockets cannot be listed; `unsupported` if it never ends or lists any.
    func endSockets(
        _ family: IPFamily,
        _ sockets: FlowUses.Sockets,
        where isStale: (UDPFlow) -> Bool
    ) throws(DataplaneError) -> EndedSockets
}

/// The outcome of a search for sockets.
package struct EndedSockets: Sendable {
    package var count: Int
    /// What the kernel refused to end, or to show.
    package var failures: [DataplaneError]
    /// A socket was about to connect, and another search is needed.
    package var isUnfinished: Bool

    package init(count: Int = 0, failures: [DataplaneError] = [], isUnfinished: Bool = false) {
        self.count = count
        self.failures = failures
        self.isUnfinished = isUnfinished
    }
}

/// What is done about flows to endpoints that are gone.
package struct FlowUses: Sendable, Equatable {
    /// Where the socket level is, and whose sockets it serves.
    package struct Sockets: Sendable, Equatable {
        package var bpfDirectory: String
        /// Those of pods too, and not only those in the node's network namespace.
        package var ofPods: Bool

        package init(bpfDirectory: String, ofPods: Bool) {
            self.bpfDirectory = bpfDirectory
            self.ofPods = ofPods
        }
    }

    /// Entries of connection tracking are deleted.
    package var cleansTable: Bool
    /// Sockets are ended; nil if none are.
    package var sockets: Sockets?

    package init(cleansTable: Bool, sockets: Sockets? = nil) {
        self.cleansTable = cleansTable
        self.sockets = sockets
    }

    package var isEmpty: Bool { !cleansTable && sockets == nil }

    /// Whether all that is done then is done before.
    func includes(_ later: FlowUses) -> Bool {
        (cleansTable || !later.cleansTable) && (sockets != nil || later.sockets == nil)
    }
}

/// What to delete in one family.
package struct FlowRequest: Sendable {
    package var check: FlowCheck
    package var settings: PlannerSettings
    package var mode: ProxyMode
    package var uses: FlowUses

    package init(
        check: FlowCheck,
        settings: PlannerSettings,
        mode: ProxyMode,
        uses: FlowUses = FlowUses(cleansTable: true)
    ) {
        self.check = check
        self.settings = settings
        self.mode = mode
        self.uses = uses
    }

    var isEmpty: Bool { check.isEmpty || uses.isEmpty }

    /// Both, as the later one says.
    func merged(with later: FlowRequest) -> FlowRequest {
        var merged = later
        merged.check = check
        merged.check.merge(later.check)
        merged.uses.cleansTable = uses.cleansTable || later.uses.cleansTable
        merged.uses.sockets = later.uses.sockets ?? uses.sockets
        return merged
    }

    /// A part of what is to be done.
    func only(table: Bool, sockets: Bool) -> FlowRequest {
        var part = self
        if !table { part.uses.cleansTable = false }
        if !sockets { part.uses.sockets = nil }
        return part
    }
}
