import CIPTables
import DataplaneModel
import Glibc
import HostFacts

/// A table in the kernel's form, which is handed to the kernel as a whole.
struct TableOutput: ~Copyable {
    private let table: TableName
    private let fingerprint: TableFingerprint
    private let bytes: TableBytes
    /// Where the entries begin.
    private static let start = Int(ipt_replace_entries)

    /// Of a table that `PackedTable.settle` has numbered. Nil if a rule jumps to a chain that is gone.
    init?(_ packed: borrowing PackedTable, _ layout: EntryLayout) throws(DataplaneError) {
        table = packed.table
        fingerprint = packed.fingerprint
        let size = Int(fingerprint.size)
        bytes = try TableBytes(capacity: Self.start + size)
        let written = bytes.write(
            packed.chains.span,
            at: Self.start,
            bodies: packed.bodies(),
            layout
        )
        guard written == size - Int(packed.end.size) else { return nil }
        bytes.write(packed.end, at: Self.start + size - Int(packed.end.size)) { _, _ in }
    }

    /// Replaces the kernel's table, which had `oldEntries` entries. The corresponding request is
    /// `IPT_SO_SET_REPLACE`.
    ///
    /// Returns the counters that the replaced entries had, 16 bytes each.
    ///
    /// - Throws: `.conflict` if the number of entries is another by now; else the kernel's refusal.
    func replace(
        oldEntries: Int,
        by socket: borrowing XTablesSocket
    ) throws(DataplaneError) -> TableBytes {
        let counters = try TableBytes(capacity: oldEntries * Int(xt_counters_size))
        bytes.copy(Array(table.rawValue.utf8), to: 0)
        bytes.store(fingerprint.hooks, at: Int(ipt_replace_valid_hooks))
        bytes.store(fingerprint.entries, at: Int(ipt_replace_num_entries))
        bytes.store(fingerprint.size, at: Int(ipt_replace_size))
        for hook in ImageEntry.builtin.indices {
            let place = 4 * hook
            bytes.store(fingerprint.hookEntries[hook], at: Int(ipt_replace_hook_entry) + place)
            bytes.store(fingerprint.underflows[hook], at: Int(ipt_replace_underflow) + place)
        }
        bytes.store(UInt32(oldEntries), at: Int(ipt_replace_num_counters))
        bytes.store(unsafe UInt(bitPattern: counters.base), at: Int(ipt_replace_counters))
        let count = Self.start + Int(fingerprint.size)
        let failure = socket.set(Int32(IPT_SO_SET_REPLACE), to: bytes, count: count)
        guard failure == 0 else { throw .system("IPT_SO_SET_REPLACE", table.rawValue, failure) }
        return counters
    }

    /// Gives the counters of the replaced entries to those that stay: a new table begins to count at
    /// zero. The corresponding request is `IPT_SO_SET_ADD_COUNTERS`.
    ///
    /// - Throws: `.conflict` if the table was replaced once more.
    func add(
        _ old: consuming TableBytes,
        _ stays: EntryRuns,
        by socket: borrowing XTablesSocket
    ) throws(DataplaneError) {
        let width = Int(xt_counters_size)
        let start = Int(xt_counters_info_counters)
        let hasCounted = stays.runs.contains { run in
            stride(from: run.old * width, to: (run.old + run.count) * width, by: 8)
                .contains { old.load(UInt64.self, at: $0) != 0 }
        }
        guard hasCounted else { return }
        let entries = Int(fingerprint.entries)
        let count = start + entries * width
        let request: TableBytes
        do throws(DataplaneError) {
            request = try TableBytes(capacity: count)
        } catch {
            // As a refusal below: the table has been replaced, which must not be done again unread.
            throw .system(
                "mmap",
                "counters of \(table.rawValue)",
                error.errno,
                kind: .conflict
            )
        }
        request.copy(Array(table.rawValue.utf8), to: 0)
        request.store(UInt32(entries), at: Int(xt_counters_info_num_counters))
        for run in stays.runs {
            request.copy(
                run.count * width,
                from: old,
                at: run.old * width,
                to: start + run.new * width
            )
        }
        let failure = socket.set(Int32(IPT_SO_SET_ADD_COUNTERS), to: request, count: count)
        guard failure == 0 else {
            throw .system("IPT_SO_SET_ADD_COUNTERS", table.rawValue, failure, kind: .conflict)
        }
    }
}

extension TableBytes {
    /// Writes chains one after the other to memory that is still zero, from `start` on, where the table
    /// begins. Returns how many bytes that were; nil if a rule jumps to a chain that is gone.
    ///
    /// `bodies` has for each id where the rules of its chain begin.
    func write(
        _ chains: Span<PackedChain>,
        at start: Int,
        bodies: [Int32],
        _ layout: EntryLayout
    ) -> Int? {
        var place = start
        // Each entry is made from the one before, and so the verdicts come last.
        var links: [(place: Int, link: UInt64)] = []
        for index in chains.indices {
            links.removeAll(keepingCapacity: true)
            write(chains[index], at: place) { entry, link in
                if link >> 16 != 0 { links.append((place + entry, link)) }
            }
            for (entry, link) in links {
                let verdict: Int32
                switch EntryLink(bits: link) {
                case .chain(let id): verdict = bodies[Int(id)]
                default: verdict = Int32(entry - start) + Int32(8 * (link & 0xffff))
                }
                if verdict < 0 { return nil }
                let target = entry + Int(load(UInt16.self, at: entry + layout.targetOffset))
                store(verdict, at: target + Int(xt_standard_target_verdict))
            }
            place += Int(chains[index].size)
        }
        return place - start
    }

    /// Writes one chain to memory that is still zero; `visit` as in `PackedChain.unpack`.
    func write(
        _ chain: borrowing PackedChain,
        at place: Int,
        _ visit: (_ place: Int, _ link: UInt64) -> Void
    ) {
        precondition(place >= 0 && place + Int(chain.size) <= capacity)
        unsafe chain.unpack(to: base + place, visit)
    }
}
