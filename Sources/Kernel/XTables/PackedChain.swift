import CIPTables
import Glibc

/// The entries of one chain in a compact form, from which the kernel's bytes are made again.
///
/// Successive rules of a chain differ in a few words, such as the address to translate to. Each entry is
/// held as what differs from the one before it, which takes about a third of the kernel's bytes. What the
/// kernel does not take from a new table is zero: counters and the record of the hooks.
struct PackedChain {
    var name: String
    /// Of a built-in chain.
    var hook: Int?
    /// What jumps to this chain name, wherever the chain is.
    var id: Int32
    /// The number of its first entry in the kernel's table.
    var firstEntry: Int32 = 0
    /// Where the first rule is, in bytes from the beginning of the chain: behind the entry that bears the
    /// name. Jumps lead there.
    var body: Int32 = 0
    /// Where the policy is, or the return at the end of the chain.
    var foot: Int32 = 0
    /// All entries in the kernel's form.
    private(set) var size: Int32 = 0
    private(set) var entryCount: Int32 = 0
    /// One record per entry: its `EntryLink` with the number of words, a bit for each word that differs from
    /// the one at the same place in the entry before, and these words.
    private var records: [UInt64] = []

    init(name: String, hook: Int?, id: Int32) {
        self.name = name
        self.hook = hook
        self.id = id
    }

    /// Without the name and the policy or return.
    var ruleCount: Int { Int(entryCount) - firstRule - 1 }
    /// The first rule's place among the entries.
    var firstRule: Int { hook == nil ? 1 : 0 }
}

/// Where an entry leads, apart from fixed verdicts: the verdict of such an entry is an offset, which is
/// only known when the table is put together.
enum EntryLink: Equatable {
    case none
    /// A jump to the chain with that id.
    case chain(Int32)
    /// The kernel holds a rule without a target as a jump to the next entry.
    case next

    /// In the upper 48 bits; the lower 16 are the entry's number of words.
    var bits: UInt64 {
        switch self {
        case .none: 0
        case .next: 1 << 16
        case .chain(let id): 2 << 16 | UInt64(UInt32(bitPattern: id)) << 32
        }
    }

    init(bits: UInt64) {
        switch (bits >> 16) & 0xffff {
        case 0: self = .none
        case 1: self = .next
        default: self = .chain(Int32(truncatingIfNeeded: bits >> 32))
        }
    }
}

// MARK: Packing

extension PackedChain {
    /// Appends entries to a chain, of which it knows the last one.
    struct Packer {
        private(set) var chain: PackedChain
        private let layout: EntryLayout
        private var previous: [UInt64] = []
        private var current: [UInt64] = []

        init(_ chain: PackedChain, _ layout: EntryLayout) {
            self.chain = chain
            self.layout = layout
        }

        mutating func beginBody() { chain.body = chain.size }
        mutating func beginFoot() { chain.foot = chain.size }

        /// The chain, which takes no more memory than it needs.
        consuming func finish() -> PackedChain {
            var chain = chain
            var records: [UInt64] = []
            records.reserveCapacity(chain.records.count)
            records.append(contentsOf: chain.records)
            chain.records = records
            return chain
        }

        mutating func append(_ bytes: borrowing RawSpan, _ link: EntryLink) -> Bool {
            append(bytes.byteCount, link) {
                // In bounds: `append` asks for whole words of these bytes.
                unsafe bytes.unsafeLoadUnaligned(fromByteOffset: 8 * $0, as: UInt64.self)
            }
        }

        /// Appends an entry in the kernel's form, which has `size` bytes. False if the kernel would not take
        /// that size.
        mutating func append(
            _ size: Int,
            _ link: EntryLink,
            _ word: (Int) -> UInt64
        ) -> Bool {
            guard size % 8 == 0, size <= Int(UInt16.max), size >= layout.size else { return false }
            current.removeAll(keepingCapacity: true)
            for index in 0..<(size / 8) { current.append(word(index)) }
            clear(layout.origin, 4)
            clear(layout.counters, 16)
            if link != .none { clear(verdictPlace, 4) }
            record(link)
            swap(&previous, &current)
            return true
        }

        /// Of the current entry, whose target is a verdict.
        private var verdictPlace: Int {
            let word = current[layout.targetOffset / 8] >> (8 * UInt64(layout.targetOffset % 8))
            return Int(UInt16(truncatingIfNeeded: word)) + Int(xt_standard_target_verdict)
        }

        /// Zeroes 4, 8 or 16 bytes of the current entry, which begin at a multiple of 4.
        private mutating func clear(_ place: Int, _ count: Int) {
            for place in stride(from: place, to: place + count, by: 4) {
                current[place / 8] &= ~(0xffff_ffff << (8 * UInt64(place % 8)))
            }
        }

        private mutating func record(_ link: EntryLink) {
            let count = current.count
            chain.records.append(link.bits | UInt64(count))
            let masks = chain.records.count
            for _ in 0..<PackedChain.maskCount(count) { chain.records.append(0) }
            for word in 0..<count {
                let last = word < previous.count ? previous[word] : 0
                if current[word] != last {
                    chain.records[masks + word / 64] |= 1 << UInt64(word % 64)
                    chain.records.append(current[word])
                }
            }
            chain.size += Int32(8 * count)
            chain.entryCount += 1
        }
    }

    fileprivate static func maskCount(_ words: Int) -> Int { (words + 63) / 64 }
}

// MARK: Unpacking

extension PackedChain {
    /// Writes the entries to `size` bytes of zeroed memory; those with a link still need their verdict.
    /// Calls `visit` with each entry's offset and the bits of its link.
    @unsafe
    func unpack(
        to memory: UnsafeMutableRawPointer,
        _ visit: (_ place: Int, _ link: UInt64) -> Void
    ) {
        let records = records.span
        var index = 0
        var place = 0
        var previous = (place: 0, count: 0)
        while index < records.count {
            let link = records[index]
            let count = Int(link & 0xffff)
            precondition(place + 8 * count <= size)
            let entry = unsafe memory + place
            let shared = min(previous.count, count)
            unsafe entry.copyMemory(from: memory + previous.place, byteCount: 8 * shared)
            let masks = index + 1
            var value = masks + Self.maskCount(count)
            for mask in 0..<Self.maskCount(count) {
                var rest = records[masks + mask]
                while rest != 0 {
                    let word = 64 * mask + rest.trailingZeroBitCount
                    precondition(word < count)
                    unsafe entry.storeBytes(
                        of: records[value],
                        toByteOffset: 8 * word,
                        as: UInt64.self
                    )
                    value += 1
                    rest &= rest - 1
                }
            }
            visit(place, link)
            previous = (place, count)
            place += 8 * count
            index = value
        }
    }

    /// Calls `visit` with the id of each chain to which a rule jumps.
    func forEachJump(_ visit: (Int32) -> Void) {
        let records = records.span
        var index = 0
        while index < records.count {
            if case .chain(let id) = EntryLink(bits: records[index]) { visit(id) }
            let masks = Self.maskCount(Int(records[index] & 0xffff))
            var next = index + 1 + masks
            for mask in 0..<masks { next += records[index + 1 + mask].nonzeroBitCount }
            index = next
        }
    }

    /// The entries one by one.
    var entries: ChainEntries {
        var entries = ChainEntries(words: Array(repeating: 0, count: Int(size) / 8))
        unsafe entries.words.withUnsafeMutableBytes { bytes in
            guard let start = bytes.baseAddress else { return }
            unsafe unpack(to: start) { place, link in
                entries.places.append(place)
                entries.links.append(EntryLink(bits: link))
            }
        }
        entries.places.append(Int(size))
        return entries
    }
}

/// The entries of one chain in the kernel's form, but for the verdicts of those with a link.
struct ChainEntries {
    fileprivate var words: [UInt64]
    /// Where each begins, and where the last one ends.
    fileprivate(set) var places: [Int] = []
    fileprivate(set) var links: [EntryLink] = []

    func append(_ index: Int, to packer: inout PackedChain.Packer) -> Bool {
        let bytes = unsafe words.span.bytes
        return packer.append(bytes.extracting(places[index]..<places[index + 1]), links[index])
    }

    func copy(_ index: Int, into entry: inout RuleEntry) {
        let bytes = unsafe words.span.bytes
        entry.replace(with: bytes.extracting(places[index]..<places[index + 1]))
    }
}
