import Addressing
import CIPTables
import DataplaneModel
import Glibc
import HostFacts

/// A table that is being put together from parts of an image and new rules, and is then handed to the
/// kernel as a whole.
struct TableOutput: ~Copyable {
    private let codec: RuleCodec
    private let layout: EntryLayout
    private var bytes: TableBytes
    /// Offsets are from the table's first entry, as in an image.
    private static let start = Int(ipt_replace_entries)

    /// Where the next entry goes.
    private(set) var size = 0
    private var entries = 0
    // The kernel has all ones for hooks that a table lacks.
    private var hookEntries = [UInt32](repeating: .max, count: ImageEntry.builtin.count)
    private var underflows = [UInt32](repeating: .max, count: ImageEntry.builtin.count)
    /// What was copied from the image, in the order of this table; the last one may still be due.
    private var pieces: [Piece] = []
    private var copied = 0
    private var newJumps: [(place: Int, chain: ChainReference)] = []

    /// Successive entries that come from the image.
    private struct Piece {
        var old: Range<Int>
        var place: Int
        var oldEntry: Int
        var entry: Int
        var count: Int
    }

    /// A chain that rules jump to.
    enum ChainReference {
        /// By its place among the image's chains.
        case present(Int)
        /// By its place among the new chains.
        case new(Int)
    }

    init(_ codec: RuleCodec, capacity: Int) throws(DataplaneError) {
        self.codec = codec
        layout = codec.layout
        bytes = try TableBytes(capacity: Self.start + capacity)
    }
}

// MARK: Composing

extension TableOutput {
    mutating func copy(_ range: Range<Int>, firstEntry: Int, count: Int) {
        if range.isEmpty { return }
        if let last = pieces.last, copied < pieces.count, last.old.upperBound == range.lowerBound {
            pieces[pieces.count - 1].old = last.old.lowerBound..<range.upperBound
            pieces[pieces.count - 1].count += count
        } else {
            let piece = Piece(
                old: range,
                place: size,
                oldEntry: firstEntry,
                entry: entries,
                count: count
            )
            // Those before it are complete, and so it can be said where they end.
            pieces.append(piece)
            copied = pieces.count - 1
        }
        size += range.count
        entries += count
    }

    /// Ends the last piece: what follows is not a part of the image.
    private mutating func endPiece() { copied = pieces.count }

    mutating func beginHook(_ hook: Int) { hookEntries[hook] = UInt32(size) }

    mutating func beginPolicy(_ hook: Int) { underflows[hook] = UInt32(size) }

    /// Appends an encoded rule; `chain` is where it jumps to, if its verdict is no fixed one.
    mutating func append(
        _ entry: borrowing RuleEntry,
        verdict: Int32?,
        chain: ChainReference?
    ) throws(DataplaneError) {
        let place = try append(entry)
        guard entry.hasVerdict else { return }
        let target = Self.start + place + Int(entry.uint16(at: layout.targetOffset))
        // The kernel knows verdicts by an empty name.
        for offset in Int(xt_entry_match_name)..<Int(xt_entry_match_revision) {
            bytes.store(UInt8(0), at: target + offset)
        }
        bytes.store(verdict ?? 0, at: target + Int(xt_standard_target_verdict))
        if let chain { newJumps.append((place, chain)) }
    }

    @discardableResult
    private mutating func append(_ entry: borrowing RuleEntry) throws(DataplaneError) -> Int {
        endPiece()
        let place = size
        try bytes.reserve(Self.start + size + entry.count, keeping: Self.start + size)
        bytes.copy(entry.bytes, to: Self.start + place)
        size += entry.count
        entries += 1
        return place
    }

    /// Appends the entry that bears a new chain's name. Rules follow, then `appendReturn`.
    mutating func appendHead(
        _ name: String,
        _ entry: inout RuleEntry
    ) throws(DataplaneError) {
        entry.reset(to: layout.size)
        entry.store(UInt16(layout.size), at: layout.targetOffset)
        let size = Int(xt_error_target_size) - Int(xt_entry_match_size)
        let data = entry.appendExtension("ERROR", size: size)
        entry.store(name, at: data)
        entry.store(UInt16(entry.count), at: layout.nextOffset)
        try append(entry)
    }

    mutating func appendReturn(_ entry: inout RuleEntry) throws(DataplaneError) {
        entry.reset(to: layout.size)
        entry.store(UInt16(layout.size), at: layout.targetOffset)
        let size = Int(xt_standard_target_size) - Int(xt_entry_match_size)
        let data = entry.appendExtension("", size: size)
        entry.store(UInt32(bitPattern: ImageEntry.returns), at: data)
        entry.store(UInt16(entry.count), at: layout.nextOffset)
        try append(entry)
    }
}

// MARK: Finishing

extension TableOutput {
    /// Copies what comes from the image, and lets all jumps lead to where the chains are now: `bodies`
    /// has the first rule of each chain of the image, negative for those that are gone, `newBodies` that
    /// of each new chain. False if a rule jumps to a chain that is gone.
    mutating func finish(
        from image: borrowing TableImage,
        bodies: [Int32],
        newBodies: [Int32]
    ) throws(DataplaneError) -> Bool {
        try bytes.reserve(Self.start + size, keeping: Self.start + size)
        for piece in pieces {
            image.copy(piece.old, to: bytes, at: Self.start + piece.place)
            var index = image.firstJump(from: piece.old.lowerBound)
            while index < image.jumps.count, image.jumps[index].place < piece.old.upperBound {
                let jump = image.jumps[index]
                let place = Int(jump.place) - piece.old.lowerBound + piece.place
                let to =
                    jump.chain < 0
                    ? Int32(place + size(ofEntryAt: place)) : bodies[Int(jump.chain)]
                if to < 0 { return false }
                store(verdict: to, at: place)
                index += 1
            }
        }
        for jump in newJumps {
            let to =
                switch jump.chain {
                case .present(let index): bodies[index]
                case .new(let index): newBodies[index]
                }
            if to < 0 { return false }
            store(verdict: to, at: jump.place)
        }
        return true
    }

    private func size(ofEntryAt place: Int) -> Int {
        Int(bytes.load(UInt16.self, at: Self.start + place + layout.nextOffset))
    }

    private func store(verdict: Int32, at place: Int) {
        let entry = Self.start + place
        let target = entry + Int(bytes.load(UInt16.self, at: entry + layout.targetOffset))
        bytes.store(verdict, at: target + Int(xt_standard_target_verdict))
    }

    var fingerprint: (size: Int, entries: Int, hookEntries: [UInt32], underflows: [UInt32]) {
        (size, entries, hookEntries, underflows)
    }

    /// Replaces the kernel's table, which had `oldEntries` entries. The corresponding request is
    /// `IPT_SO_SET_REPLACE`.
    ///
    /// Returns the counters that the replaced entries had, 16 bytes each.
    ///
    /// - Throws: `.conflict` if the number of entries is another by now; else the kernel's refusal.
    func replace(
        _ table: TableName,
        hooks: UInt32,
        oldEntries: Int,
        by socket: borrowing XTablesSocket
    ) throws(DataplaneError) -> TableBytes {
        let counters = try TableBytes(capacity: oldEntries * Int(xt_counters_size))
        bytes.copy(Array(table.rawValue.utf8), to: 0)
        bytes.store(hooks, at: Int(ipt_replace_valid_hooks))
        bytes.store(UInt32(entries), at: Int(ipt_replace_num_entries))
        bytes.store(UInt32(size), at: Int(ipt_replace_size))
        for hook in hookEntries.indices {
            bytes.store(hookEntries[hook], at: Int(ipt_replace_hook_entry) + 4 * hook)
            bytes.store(underflows[hook], at: Int(ipt_replace_underflow) + 4 * hook)
        }
        bytes.store(UInt32(oldEntries), at: Int(ipt_replace_num_counters))
        bytes.store(unsafe UInt(bitPattern: counters.base), at: Int(ipt_replace_counters))
        let failure = socket.set(Int32(IPT_SO_SET_REPLACE), to: bytes, count: Self.start + size)
        guard failure == 0 else { throw .system("IPT_SO_SET_REPLACE", table.rawValue, failure) }
        return counters
    }

    /// Gives the counters of the replaced entries to those that stay: a new table begins to count at
    /// zero. The corresponding request is `IPT_SO_SET_ADD_COUNTERS`.
    ///
    /// - Throws: `.conflict` if the table was replaced once more.
    func add(
        _ old: consuming TableBytes,
        to table: TableName,
        by socket: borrowing XTablesSocket
    ) throws(DataplaneError) {
        let width = Int(xt_counters_size)
        let start = Int(xt_counters_info_counters)
        let hasCounted = pieces.contains { piece in
            stride(from: piece.oldEntry * width, to: (piece.oldEntry + piece.count) * width, by: 8)
                .contains { old.load(UInt64.self, at: $0) != 0 }
        }
        guard hasCounted else { return }
        let count = start + entries * width
        let request = try TableBytes(capacity: count)
        request.copy(Array(table.rawValue.utf8), to: 0)
        request.store(UInt32(entries), at: Int(xt_counters_info_num_counters))
        for piece in pieces {
            request.copy(
                piece.count * width,
                from: old,
                at: piece.oldEntry * width,
                to: start + piece.entry * width
            )
        }
        let failure = socket.set(Int32(IPT_SO_SET_ADD_COUNTERS), to: request, count: count)
        guard failure == 0 else {
            throw .system("IPT_SO_SET_ADD_COUNTERS", table.rawValue, failure, kind: .conflict)
        }
    }
}
