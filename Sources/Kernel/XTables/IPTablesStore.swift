package import Addressing
package import DataplaneModel
import Glibc
import HostFacts
import SystemCalls

/// Our chains in legacy tables of one family, and the rules that jump to them.
///
/// Works in the network namespace of the calling thread, which must be the dataplane thread.
package final class IPTablesStore: KernelStore {
    package let family: IPFamily
    /// The tables to read.
    private let tables: [TableName]
    private let owns: (String) -> Bool
    private let askSets: (() throws(DataplaneError) -> SetIndexes)?
    private var lock: XTablesLock
    private let lockWatch: XTablesLockWatch?
    /// The tables as they were last read or written; those not read yet are missing.
    private var fingerprints: [TableName: TableFingerprint] = [:]
    /// The tables that need not be read for the next change.
    private var kept: [TableName: KeptTable] = [:]
    private var mark = ChangeMark()
    package private(set) var accesses = TableAccesses()
    private let access: TableAccess
    /// Kept open for looks at the tables; nil before the first. Of the namespace of its thread.
    private var socket: XTablesSocket?
    /// Reused for every rule that is written, compared or read.
    private var entry = RuleEntry()
    private var scratch = RuleEntry()

    /// `owns` is true for the names of our chains; nothing else is ever changed but rules of built-in
    /// chains that jump to them.
    ///
    /// Only `lockWatch` notices changes that keep a table's size; the stores of both families may share
    /// it.
    ///
    /// `sets` returns the numbers of the sets that rules may use, and is called at each use of the
    /// store; without it rules cannot use sets.
    package init(
        family: IPFamily,
        tables: [TableName] = [.filter, .nat],
        lock: XTablesLock.Configuration = XTablesLock.Configuration(),
        lockWatch: XTablesLockWatch? = nil,
        sets: (() throws(DataplaneError) -> SetIndexes)? = nil,
        access: TableAccess = .wholeTables,
        owns: @escaping (String) -> Bool
    ) {
        self.family = family
        self.tables = tables
        askSets = sets
        self.owns = owns
        self.access = access
        self.lock = XTablesLock(lock)
        self.lockWatch = lockWatch
    }

    /// How the kernel's tables are read and written.
    package enum TableAccess: Sendable {
        /// As the kernel's bytes; by libiptc where these are not as expected.
        case wholeTables
        /// By libiptc alone; it gives the same results.
        case libiptc
    }

    private func sets() throws(DataplaneError) -> SetIndexes {
        guard let askSets else { return SetIndexes() }
        return try askSets()
    }

    /// Reads the tables, without the lock: a commit replaces a table as a whole, so a reader sees all of
    /// it or nothing.
    ///
    /// - Throws: `.unsupported` if the kernel lacks a table; `.notPermitted` without CAP_NET_ADMIN.
    package func observe() throws(DataplaneError) -> Observation<IPTablesState> {
        try observe(comparing: nil)
    }

    /// The same; a chain that has the plan's rules is the plan's. A table that differs from the plan need not be read
    /// again for the next change.
    ///
    /// - Throws: as `observe()`.
    package func observe(
        expecting plan: IPTablesState
    ) throws(DataplaneError) -> Observation<IPTablesState> {
        try observe(comparing: plan)
    }

    private func observe(
        comparing plan: IPTablesState?
    ) throws(DataplaneError) -> Observation<IPTablesState> {
        let mark = try notice()
        var state = IPTablesState()
        let codec = RuleCodec(family: family, sets: try sets())
        for name in tables {
            try OptionalWork.goOn("\(family.rawValue) \(name.rawValue)")
            guard access == .wholeTables, let image = try TableImage.read(name, family) else {
                state[name] = observe(try IPTablesTable(name, family), codec)
                continue
            }
            guard let planned = plan?[name] else {
                state[name] = observe(image, codec, OwnedTable())
                continue
            }
            state[name] = observe(image, codec, planned)
            try OptionalWork.goOn("\(family.rawValue) \(name.rawValue)")
            if lockWatch != nil, state[name] != planned, let table = image.packed() {
                kept[name] = KeptTable(table, releases: mark.possible, owns: owns)
            }
        }
        return Observation(state, mark)
    }

    package func changes(since mark: ChangeMark) throws(DataplaneError) -> ForeignChanges {
        try notice().changes(since: mark)
    }

    package var announcements: [Int32] { [lockWatch?.descriptor].compactMap(\.self) }

    /// What other programs were seen to do up to now.
    package func notice() throws(DataplaneError) -> ChangeMark {
        if let lockWatch { mark.possible = try lockWatch.releases() }
        for table in tables { try notice(table) }
        return mark
    }

    private func fingerprint(_ table: TableName) throws(DataplaneError) -> TableFingerprint {
        if socket == nil { socket = try XTablesSocket(family) }
        return switch socket {
        case .some(let socket): try TableFingerprint(of: table, family, by: socket)
        case .none: try TableFingerprint(of: table, family)
        }
    }

    private func notice(_ table: TableName) throws(DataplaneError) {
        let present = try fingerprint(table)
        if let left = fingerprints[table], left != present { mark.certain += 1 }
        fingerprints[table] = present
    }

    /// Changes table after table, each in one transaction under the lock, or filter in two with the other tables between;
    /// see `FilterOrder`.
    ///
    /// Rules that stay keep their counters, foreign rules always. A chain to delete to which a foreign
    /// rule jumps is emptied and left, and reported in `failures`.
    ///
    /// - Throws: `.locked` if waiting for the lock took longer than its timeout, in all; `.conflict` if programs that ignore it kept
    ///   changing the table; `.invalid` or `.unsupported` for a rule that the kernel refuses.
    package func apply(_ diff: IPTablesDiff) throws(DataplaneError) -> ApplyReport {
        var report = ApplyReport()
        if diff.tables.isEmpty { return report }
        let sets = try sets()
        // One for all tables, so that waits for each do not add up.
        let deadline = lock.deadline
        var transactions = diff.transactions
        if let gains = transactions.gains {
            do throws(DataplaneError) {
                report.conflicts += try apply(gains, sets, until: deadline).conflicts
            } catch {
                if error.kind == .conflict || error.kind == .locked { throw error }
                // What other programs wrote into our chains may not go together with the plan's rules. The plan's alone
                // do, or that fails.
                transactions.tables = diff.tables
            }
        }
        for table in transactions.tables {
            let done = try apply(table, sets, until: deadline)
            report.conflicts += done.conflicts
            report.failures += done.failures
        }
        // An object counts once, in however many transactions.
        report.operations = diff.count - report.failures.count
        return report
    }
}

// MARK: Observing

extension IPTablesStore {
    /// The change that removes all our chains and jumps.
    ///
    /// - Throws: as `observe`.
    package func removal() throws(DataplaneError) -> IPTablesDiff {
        IPTablesDiff(from: try observe().state, to: IPTablesState())
    }

    /// Removes all our chains and jumps. `unguard` runs right before, with the lock taken; nothing is removed
    /// if it fails.
    ///
    /// - Throws: as `observe` and `apply`, and what `unguard` throws.
    package func removeEverything(
        after unguard: () throws(DataplaneError) -> Void
    ) throws(DataplaneError) -> ApplyReport {
        let diff = try removal()
        guard !diff.tables.isEmpty else {
            try unguard()
            return ApplyReport()
        }
        try lock.hold()
        defer { lock.release() }
        try unguard()
        return try apply(diff)
    }

    private func observe(_ table: borrowing IPTablesTable, _ codec: RuleCodec) -> OwnedTable {
        let (builtin, own) = table.chainNames()
        var owned = OwnedTable()
        for name in builtin {
            guard let chain = BuiltinChain(rawValue: name) else { continue }
            for rule in table.rules(of: ChainLabel(name)) where owns(table.targetName(of: rule)) {
                table.read(rule, into: &entry)
                // A target extension of that name is not a chain.
                guard entry.hasVerdict else { continue }
                owned.jumps.append(Jump(from: chain, rule: codec.decode(entry, scratch: &scratch)))
            }
        }
        for name in own where owns(name) && name.utf8.count <= ChainName.maximumLength {
            let rules = table.rules(of: ChainLabel(name)).map { rule in
                table.read(rule, into: &entry)
                return codec.decode(entry, scratch: &scratch)
            }
            let chain = ChainName(name)
            owned.chains[chain] = Chain(chain, rules: rules)
        }
        return owned
    }
}

extension IPTablesStore {
    private func observe(
        _ image: borrowing TableImage,
        _ codec: RuleCodec,
        _ plan: OwnedTable
    ) -> OwnedTable {
        var owned = OwnedTable()
        let isOwned = image.chains.map { chain in
            chain.hook == nil && owns(chain.name)
                && chain.name.utf8.count <= ChainName.maximumLength
        }
        for index in image.chains.indices {
            // What there is by then is not used.
            if OptionalWork.isUnwanted { break }
            let chain = image.chains[index]
            if chain.hook != nil {
                guard let from = BuiltinChain(rawValue: chain.name) else { continue }
                for rule in image.rules(of: chain) {
                    guard let target = image.jumpTarget(ofRuleAt: rule),
                        owns(image.chains[target].name)
                    else { continue }
                    image.read(rule, into: &entry)
                    owned.jumps.append(
                        Jump(from: from, rule: codec.decode(entry, scratch: &scratch))
                    )
                }
            } else if isOwned[index] {
                let name = ChainName(chain.name)
                let rules = image.rules(of: chain)
                if let planned = plan.chains[name], holds(image, rules, planned, codec) {
                    owned.chains[name] = planned
                    continue
                }
                owned.chains[name] = Chain(
                    name,
                    rules: rules.map { rule in
                        image.read(rule, into: &entry)
                        return codec.decode(entry, scratch: &scratch)
                    }
                )
            }
        }
        return owned
    }

    /// Whether these rules of the image are the planned ones, byte for byte. To encode a rule takes less time than to
    /// decode it, which ends with encoding the result.
    private func holds(
        _ image: borrowing TableImage,
        _ places: [Int],
        _ planned: Chain,
        _ codec: RuleCodec
    ) -> Bool {
        guard places.count == planned.rules.count else { return false }
        // A span lends its rules, where an array would copy each.
        let rules = planned.rules.span
        for number in places.indices {
            do throws(UnencodableRule) {
                try codec.encode(rules[number], into: &scratch)
            } catch { return false }
            image.read(places[number], into: &entry)
            guard scratch == entry else { return false }
        }
        return true
    }
}

// MARK: Applying

extension IPTablesStore {
    /// How often writing a table is tried while programs that ignore the lock change it.
    private static let attempts = 5

    private func apply(
        _ diff: TableDiff,
        _ sets: SetIndexes,
        until deadline: ContinuousClock.Instant
    ) throws(DataplaneError) -> ApplyReport {
        try lock.withLock(until: deadline) { () throws(DataplaneError) -> ApplyReport in
            var conflicts = 0
            while true {
                do throws(DataplaneError) {
                    // Under the lock, so that all later differences are our own changes.
                    if tables.contains(diff.table) { try notice(diff.table) }
                    if var report = try rewrite(diff, sets) {
                        report.conflicts = conflicts
                        return report
                    }
                    var edit = TableEdit(diff, family, sets: sets)
                    var report = try edit.run(&entry, &scratch)
                    accesses.libiptc += 1
                    report.conflicts = conflicts
                    fingerprints[diff.table] = try fingerprint(diff.table)
                    return report
                } catch {
                    guard error.kind == .conflict, conflicts + 1 < Self.attempts else {
                        throw error
                    }
                    conflicts += 1
                }
            }
        }
    }
    /// Nil if this must be done by libiptc; nothing was changed then. The lock must be held.
    private func rewrite(
        _ diff: TableDiff,
        _ sets: SetIndexes
    ) throws(DataplaneError) -> ApplyReport? {
        guard access == .wholeTables else { return nil }
        // Whatever fails below, the table is read for the next change.
        let earlier = kept.removeValue(forKey: diff.table)
        // Before the table is read, so that no later change is missed. A watch that fails says so when the
        // tables are observed, and is no reason not to write.
        let releases = lockWatch.flatMap { try? $0.releases() }
        guard let table = try present(diff.table, earlier, releases) else { return nil }
        var rewrite = TableRewrite(diff, family, sets: sets, from: table)
        guard let done = try rewrite.run(&entry, &scratch) else { return nil }
        accesses.direct += 1
        fingerprints[diff.table] = done.table.fingerprint
        if let releases {
            kept[diff.table] = KeptTable(done.table, releases: releases, owns: owns)
        }
        return done.report
    }

    /// The table in the kernel; nil if its layout is not libiptc's.
    private func present(
        _ table: TableName,
        _ earlier: KeptTable?,
        _ releases: Int?
    ) throws(DataplaneError) -> PackedTable? {
        let socket = try XTablesSocket(family)
        if let earlier, let releases,
            let present = try earlier.present(family, releases: releases, by: socket)
        {
            accesses.sparedReads += 1
            return present
        }
        accesses.reads += 1
        return try TableImage.read(table, family)?.packed()
    }
}
