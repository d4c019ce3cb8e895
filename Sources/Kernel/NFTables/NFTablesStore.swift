package import Addressing
package import DataplaneModel
import Glibc
import HostFacts
import Netlink
import SystemCalls

/// Our nftables table of one family. Fairlead owns the whole table, and no other is read.
///
/// Works in the network namespace of the calling thread, which must be the dataplane thread.
package final class NFTablesStore: KernelStore {
    package let family: IPFamily
    /// The most elements of one transaction where splitting does no harm. All programs that write
    /// nftables in any namespace wait while the kernel works on it; and while another program listens,
    /// such as `nft monitor`, the kernel keeps 7 KiB for each element until the transaction commits.
    private let elementLimit: Int
    private let table: String
    private let monitor: NFTMonitor
    private var openConnection: NFTConnection?
    /// Chains and sets that could not be deleted because the kernel considered them in use.
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
        elementLimit: Int = 5_000
    ) {
        self.family = family
        table = ownership.table
        self.monitor = monitor ?? NFTMonitor(ownership: ownership)
        self.elementLimit = elementLimit
    }

    /// Receives no notifications until the next `observe` or `changes`: they cost all programs that write
    /// nftables on the host.
    package func stopListening() { monitor.close() }

    /// Messages sent to the kernel so far, and the sends they took.
    package var messagesSent: Int { openConnection?.messageCount ?? 0 }
    package var sendsMade: Int { openConnection?.sendCount ?? 0 }

    package var sendTimes: SendTimes? { openConnection?.transactionTimes ?? SendTimes() }

    private func connection() throws(DataplaneError) -> NFTConnection {
        if let openConnection { return openConnection }
        let opened = try NFTConnection(family)
        monitor.ignore(port: opened.port)
        openConnection = opened
        return opened
    }
}

// MARK: Observing

extension NFTablesStore {
    /// How often reading the table is tried while another program changes it.
    private static let attempts = 8

    /// Reads the table.
    ///
    /// - Throws: `.conflict` if other programs kept changing it; `.unsupported` if the kernel has no
    ///   nftables.
    package func observe() throws(DataplaneError) -> Observation<NFTablesState> {
        try observe(expecting: NFTablesState())
    }

    /// The same; elements that are all those of a set of the plan are the plan's.
    ///
    /// - Throws: as `observe()`.
    package func observe(
        expecting plan: NFTablesState
    ) throws(DataplaneError) -> Observation<NFTablesState> {
        // A dump that is given up half-way keeps its socket busy.
        let reader = OptionalWork.isUnderWay ? try NFTConnection(family) : try connection()
        let reading = NFTablesReading(reader, table: table)
        for _ in 0..<Self.attempts {
            let before = try mark()
            do throws(DataplaneError) {
                let state = try reading.state(expecting: plan)
                if try mark() == before { return Observation(state, before) }
            } catch {
                // A set has been deleted since the sets were listed.
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

    /// Whether the table has the chain, without reading or following the table; false where the kernel has no nftables.
    package func holdsChain(_ name: NFTChainName) throws(DataplaneError) -> Bool {
        do throws(DataplaneError) {
            return try connection().chains().contains {
                NFTablesReading.chain($0.attributes, table: table)?.name == name
            }
        } catch {
            guard error.kind == .unsupported else { throw error }
            return false
        }
    }

    package func changes(since mark: ChangeMark) throws(DataplaneError) -> ForeignChanges {
        try self.mark().changes(since: mark)
    }

    package var announcements: [Int32] { [monitor.descriptor].compactMap(\.self) }

    package var announcesAll: Bool { monitor.isListening && leftovers.isEmpty }

    private func mark() throws(DataplaneError) -> ChangeMark {
        var mark = ChangeMark()
        mark.certain = try monitor.changes(of: family)
        return mark
    }
}

// MARK: Counting

extension NFTablesStore {
    /// The counters of elements since they were added, of all sets with counters, each read at another
    /// time.
    package func counters() throws(DataplaneError) -> [NFTSetName: [NFTValue: NFTCount]] {
        try NFTablesReading(connection(), table: table).counts()
    }
}

// MARK: Applying

extension NFTablesStore {
    /// From this many objects on the notifications of our own change are avoided.
    private static let largeChange = 500

    /// Makes the change in one transaction, or in several if it has very many elements.
    ///
    /// A refused transaction changes nothing; those before it stay.
    ///
    /// - Throws: `.conflict` if the table differs from what was last observed; `.unsupported` if the
    ///   kernel lacks an expression; else the first refusal, with the object.
    package func apply(_ diff: NFTablesDiff) throws(DataplaneError) -> ApplyReport {
        let transactions = diff.transactions(limit: elementLimit)
        leftovers.removeAll { leftover in diff.makesAnew(leftover.step) }
        if monitor.isListening, diff.count > Self.largeChange {
            try applyWithoutNotifications(transactions)
        } else {
            for steps in transactions { try commit(steps) }
        }
        return ApplyReport(operations: diff.count)
    }

    /// The same without a notification for each element. Foreign changes meanwhile show in the
    /// generation, which all tables share.
    private func applyWithoutNotifications(_ transactions: [[NFTStep]]) throws(DataplaneError) {
        let connection = try connection()
        // Receives the notifications from before the pause.
        _ = try mark()
        // A change right before the pause has its notification or is counted here, or both: either is
        // noticed. The kernel raises the generation before it sends the notifications.
        let before = try connection.generation()
        try connection.awaitCommit()
        try monitor.pause()
        do throws(DataplaneError) {
            for steps in transactions { try commit(steps) }
            // Listening resumes before the generation is read, so that there is no gap.
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
        // Kernels before 6.2 release a chain or set some time after the last element or rule that
        // refers to it is gone.
        let deletions = steps.filter(\.isDeletion)
        try commit(steps.filter { !$0.isDeletion })
        leftovers += deletions.map { Leftover(step: $0) }
    }

    /// Deletes chains and sets that were still in use when they were to be deleted.
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
            // If it stays in use, the next observation finds it.
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
    /// Whether the object that a step deletes is made again, or gone with the table.
    fileprivate func makesAnew(_ step: NFTStep) -> Bool {
        if rebuilt != nil || table == .delete { return true }
        return switch step {
        case .deleteChain(let name): chains.contains { $0.name == name }
        case .deleteSet(let name): sets.contains { $0.name == name }
        default: false
        }
    }
}
