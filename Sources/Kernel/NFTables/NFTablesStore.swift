package import Addressing
package import DataplaneModel
import Glibc
import HostFacts
import Netlink

/// Our table of one family in nftables. The whole table is ours, and nothing else is looked at.
///
/// Works in the network namespace of the calling thread, which must be the dataplane thread.
package final class NFTablesStore: KernelStore {
    package let family: IPFamily
    /// A transaction is no more work than so many elements, where that does no harm: all who write
    /// nftables anywhere on the host wait while the kernel works on it.
    private let elementLimit: Int
    private let table: String
    private let monitor: NFTMonitor
    private var openConnection: NFTConnection?
    /// Chains and sets that the kernel held to be in use when they were to be deleted.
    private var leftovers: [Leftover] = []

    private struct Leftover {
        var step: NFTStep
        var attempts = 10
    }

    /// - Parameters:
    ///   - family: of the table.
    ///   - ownership: names the table.
    ///   - monitor: shared by the stores of both families; of the same ownership.
    ///   - elementLimit: the most elements of one transaction.
    package init(
        family: IPFamily,
        ownership: Ownership = .fairlead,
        monitor: NFTMonitor? = nil,
        elementLimit: Int = 20_000
    ) {
        self.family = family
        table = ownership.table
        self.monitor = monitor ?? NFTMonitor(ownership: ownership)
        self.elementLimit = elementLimit
    }

    /// Hears of changes no more until the table is observed or asked for changes again: while anybody
    /// listens, all who write nftables on the host pay for it.
    package func stopListening() { monitor.close() }

    /// Messages sent to the kernel so far, and the sends they took.
    package var messagesSent: Int { openConnection?.messageCount ?? 0 }
    package var sendsMade: Int { openConnection?.sendCount ?? 0 }

    private func connection() throws(DataplaneError) -> NFTConnection {
        if let openConnection { return openConnection }
        let opened = try NFTConnection(family)
        monitor.disregard(port: try opened.port())
        openConnection = opened
        return opened
    }
}

// MARK: Observing

extension NFTablesStore {
    /// How often the table is read anew because somebody changed it meanwhile.
    private static let attempts = 8

    /// Reads the table. `.conflict` if somebody does not stop changing it.
    package func observe() throws(DataplaneError) -> Observation<NFTablesState> {
        let reading = NFTablesReading(try connection(), table: table)
        for _ in 0..<Self.attempts {
            let before = try mark()
            do throws(DataplaneError) {
                let state = try reading.state()
                if try mark() == before { return Observation(state, before) }
            } catch {
                // A set was there when sets were listed, and is gone.
                let isChanged = try mark() != before
                guard error.errno == ENOENT, isChanged else { throw error }
            }
        }
        throw .system(
            "NFT_MSG_GETRULE",
            "\(family.rawValue) nftables table \(table)",
            EAGAIN,
            kind: .conflict,
            message: "changed while it was read"
        )
    }

    package func changes(since mark: ChangeMark) throws(DataplaneError) -> ForeignChanges {
        try self.mark().changes(since: mark)
    }

    private func mark() throws(DataplaneError) -> ChangeMark {
        var mark = ChangeMark()
        mark.certain = try monitor.changes(of: family)
        return mark
    }
}

// MARK: Counting

extension NFTablesStore {
    /// What elements have counted, of all sets that count, since they were added: each set at
    /// another time.
    package func counters() throws(DataplaneError) -> [NFTSetName: [NFTValue: NFTCount]] {
        try NFTablesReading(connection(), table: table).counts()
    }
}

// MARK: Applying

extension NFTablesStore {
    /// A change of so many objects is not worth hearing of element by element.
    private static let loudChange = 500

    /// Makes the change in one transaction, or if it has very many elements in several.
    ///
    /// A refused transaction changes nothing; those before it hold.
    package func apply(_ diff: NFTablesDiff) throws(DataplaneError) -> ApplyReport {
        let transactions = diff.transactions(limit: elementLimit)
        leftovers.removeAll { leftover in diff.makesAnew(leftover.step) }
        if monitor.isListening, diff.count > Self.loudChange {
            try applyUnheard(transactions)
        } else {
            for steps in transactions { try commit(steps) }
        }
        return ApplyReport(operations: diff.count)
    }

    /// The same without being told of each element; that nobody else changed anything meanwhile
    /// shows in the generation, which is one for the tables of all families.
    private func applyUnheard(_ transactions: [[NFTStep]]) throws(DataplaneError) {
        let connection = try connection()
        // Heard before the socket leaves the group.
        _ = try mark()
        try monitor.pause()
        do throws(DataplaneError) {
            let before = try connection.generation()
            for steps in transactions { try commit(steps) }
            // Listening again comes before the look at the generation, so that there is no gap.
            try monitor.resume()
            let after = try connection.generation()
            if Int(after &- before) != transactions.count { monitor.missed() }
        } catch {
            monitor.missed()
            try monitor.resume()
            throw error
        }
    }

    private func commit(_ steps: [NFTStep]) throws(DataplaneError) {
        let connection = try connection()
        var transaction = NFTTransaction(family, table, steps)
        let refusals = try connection.commit(&transaction)
        if refusals.isEmpty { return }
        let isInUse = refusals.allSatisfy { refusal in
            refusal.errno == EBUSY && NFTCulprit(refusal, transaction).isDeletion
        }
        guard isInUse else { throw .nftables(refusals, transaction) }
        // Kernels before 6.2 let go of a chain or set some time after the last element or rule
        // that led to it is gone.
        let deletions = steps.filter(\.isDeletion)
        try commit(steps.filter { !$0.isDeletion })
        leftovers += deletions.map { Leftover(step: $0) }
    }

    /// Deletes what was in use when it should have been deleted.
    package func performDueWork(
        expecting plan: NFTablesState?
    ) throws(DataplaneError) {
        guard !leftovers.isEmpty else { return }
        let connection = try connection()
        var remaining: [Leftover] = []
        for var leftover in leftovers {
            var transaction = NFTTransaction(family, table, [leftover.step])
            let refusals = try connection.commit(&transaction)
            leftover.attempts -= 1
            // What stays in use shows when the table is observed.
            guard refusals.contains(where: { $0.errno == EBUSY }), leftover.attempts > 0 else {
                continue
            }
            remaining.append(leftover)
        }
        leftovers = remaining
    }
}

extension NFTStep {
    fileprivate var isDeletion: Bool {
        switch self {
        case .deleteChain, .deleteSet: true
        default: false
        }
    }
}

extension NFTablesDiff {
    /// Whether what a step deletes is wanted again, or gone with the table.
    fileprivate func makesAnew(_ step: NFTStep) -> Bool {
        if rebuilt != nil || table == .delete { return true }
        return switch step {
        case .deleteChain(let name): chains.contains { $0.name == name }
        case .deleteSet(let name): sets.contains { $0.name == name }
        default: false
        }
    }
}
