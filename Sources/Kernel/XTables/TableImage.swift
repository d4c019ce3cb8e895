import Addressing
import CIPTables
import DataplaneModel
import Glibc
import HostFacts

/// A legacy table as the kernel holds it: all entries one after the other, and where its chains are.
///
/// Takes less memory than libiptc's lists, since nothing is copied or linked. Only tables in the layout that
/// libiptc writes have an image; any other is left to libiptc.
struct TableImage: ~Copyable {
    let table: TableName
    let family: IPFamily
    let info: TableFingerprint
    /// The built-in chains in the order of their hooks, then the others in the kernel's order.
    private(set) var chains: [ImageChain] = []
    /// All rules that jump to a chain, or have no target, in the order of their offsets.
    private(set) var jumps: [ImageJump] = []
    /// The chains that are not built in, sorted by name.
    private(set) var sorted: [Int] = []
    let layout: EntryLayout
    private let codec: RuleCodec
    let bytes: TableBytes

    /// Where the entries begin in `bytes`.
    static let start = Int(ipt_get_entries_entrytable)

    /// Reads a table without the lock: a reader sees all of one commit or nothing. The corresponding
    /// requests are `IPT_SO_GET_INFO` and `IPT_SO_GET_ENTRIES`. Nil if the table kept changing, or if its
    /// layout is another than libiptc's.
    ///
    /// - Throws: `.unsupported` if the kernel lacks the table; `.notPermitted` without CAP_NET_ADMIN.
    static func read(_ table: TableName, _ family: IPFamily) throws(DataplaneError) -> TableImage? {
        let socket = try XTablesSocket(family)
        let info = try TableFingerprint(of: table, family, by: socket)
        let count = start + Int(info.size)
        let bytes = try TableBytes(capacity: count)
        bytes.copy(Array(table.rawValue.utf8), to: 0)
        bytes.store(info.size, at: Int(ipt_get_entries_size))
        let failure = socket.get(Int32(IPT_SO_GET_ENTRIES), into: bytes, count: count)
        guard failure == 0 else { return nil }
        return of(bytes, table, family, info)
    }

    /// From what the kernel answered; nil if its layout is another than libiptc's, or no layout at all.
    static func of(
        _ bytes: consuming TableBytes,
        _ table: TableName,
        _ family: IPFamily,
        _ info: TableFingerprint
    ) -> TableImage? {
        var image = TableImage(table, family, info, bytes)
        guard image.findChains(), image.resolveJumps() else { return nil }
        return image
    }

    private init(
        _ table: TableName,
        _ family: IPFamily,
        _ info: TableFingerprint,
        _ bytes: consuming TableBytes
    ) {
        self.table = table
        self.family = family
        self.info = info
        self.bytes = bytes
        layout = EntryLayout.of(family)
        codec = RuleCodec(family: family)
    }

    /// Number of bytes of the entries.
    var size: Int { Int(info.size) }
    /// Where the entry is that ends every table, without being a part of a chain.
    var end: Int { size - layout.size - ImageEntry.errorTargetSize }
}

/// A chain in an image. Offsets are from the table's first entry.
struct ImageChain {
    var name: String
    /// Of a built-in chain.
    var hook: Int?
    /// The entry that bears the name; in a built-in chain that is the first rule or the policy.
    var head: Int
    /// The first rule, or `foot` without rules. Jumps lead there.
    var body: Int
    /// The policy, or the return at the end of a chain.
    var foot: Int
    /// Behind `foot`.
    var end: Int
    /// The number of the entry at `head` in the table.
    var firstEntry: Int
    var ruleCount: Int

    /// The number of the first rule's entry in the table.
    var firstRule: Int { hook == nil ? firstEntry + 1 : firstEntry }
}

/// A rule that jumps to a chain; or one without a target, which the kernel holds as a jump to the next.
struct ImageJump {
    /// Of the rule's entry.
    var place: Int32
    /// The offset to jump to.
    var target: Int32
    /// The chain's place among `chains`; negative for a rule without a target.
    var chain: Int32
}

/// Constants of entries.
enum ImageEntry {
    static let standardTargetSize = RuleEntry.aligned(Int(xt_standard_target_size))
    static let errorTargetSize = RuleEntry.aligned(Int(xt_error_target_size))
    static let errorName = "ERROR"
    /// `-NF_DROP - 1`
    static let drop: Int32 = -1
    /// `-NF_ACCEPT - 1`
    static let accept: Int32 = -2
    /// `-NF_QUEUE - 1`
    static let queue: Int32 = -4
    /// `XT_RETURN`, which is `-NF_REPEAT - 1`
    static let returns: Int32 = -5
    /// By the numbers of the hooks.
    static let builtin = ["PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"]

    /// Nil for an offset.
    static func name(ofVerdict verdict: Int32) -> String? {
        switch verdict {
        case drop: IPTC_LABEL_DROP
        case accept: IPTC_LABEL_ACCEPT
        case queue: IPTC_LABEL_QUEUE
        case returns: IPTC_LABEL_RETURN
        default: nil
        }
    }

    /// Of an entry in the kernel's form; empty if its target is an extension.
    static func verdictName(of entry: borrowing RuleEntry, _ layout: EntryLayout) -> String {
        let target = Int(entry.uint16(at: layout.targetOffset))
        guard entry.bytes[target + Int(xt_entry_match_name)] == 0 else { return "" }
        let verdict = entry.uint32(at: target + Int(xt_standard_target_verdict))
        return name(ofVerdict: Int32(bitPattern: verdict)) ?? ""
    }
}

// MARK: Entries

extension TableImage {
    private func uint16(_ offset: Int) -> Int {
        Int(bytes.load(UInt16.self, at: Self.start + offset))
    }

    func size(ofEntryAt place: Int) -> Int { uint16(place + layout.nextOffset) }

    private func target(ofEntryAt place: Int) -> Int { place + uint16(place + layout.targetOffset) }

    /// Whether the name of the target is empty, which marks a verdict.
    private func isStandard(_ target: Int) -> Bool {
        bytes.load(UInt8.self, at: Self.start + target + Int(xt_entry_match_name)) == 0
    }

    private func isError(_ target: Int) -> Bool {
        let name = Self.start + target + Int(xt_entry_match_name)
        // "ERRO", "R" and the terminating zero, in two steps.
        return bytes.load(UInt32.self, at: name) == 0x4f52_5245
            && bytes.load(UInt16.self, at: name + 4) == 0x0052
    }

    private func verdict(_ target: Int) -> Int32 {
        bytes.load(Int32.self, at: Self.start + target + Int(xt_standard_target_verdict))
    }

    /// The offsets of a chain's rules.
    func rules(of chain: ImageChain) -> [Int] {
        var found: [Int] = []
        found.reserveCapacity(chain.ruleCount)
        var place = chain.body
        while place < chain.foot {
            found.append(place)
            place += size(ofEntryAt: place)
        }
        return found
    }

    /// As `IPTablesTable.targetName`.
    func targetName(ofRuleAt place: Int) -> String {
        let target = target(ofEntryAt: place)
        guard isStandard(target) else {
            let limit = Int(xt_entry_match_revision) - Int(xt_entry_match_name)
            return bytes.text(at: Self.start + target + Int(xt_entry_match_name), limit: limit)
        }
        return ImageEntry.name(ofVerdict: verdict(target))
            ?? jumpTarget(ofRuleAt: place).map { chains[$0].name } ?? ""
    }

    /// The chain that the rule jumps to, by its place among `chains`.
    func jumpTarget(ofRuleAt place: Int) -> Int? {
        let index = firstJump(from: place)
        guard index < jumps.count, jumps[index].place == place, jumps[index].chain >= 0 else {
            return nil
        }
        return Int(jumps[index].chain)
    }

    /// The place among `jumps` of the first one at or behind an offset.
    func firstJump(from place: Int) -> Int {
        jumps.span.bisect { $0.place < place }
    }

    /// Copies a rule in normal form, so that it can be compared with an encoded one.
    func read(_ place: Int, into entry: inout RuleEntry) {
        let start = Self.start + place
        bytes.copy(start..<(start + size(ofEntryAt: place)), into: &entry)
        _ = codec.normalize(&entry, label: targetName(ofRuleAt: place))
    }

    /// Appends an entry to a chain. False if it has a size that the kernel would not take.
    func append(
        _ place: Int,
        to packer: inout PackedChain.Packer,
        _ link: EntryLink
    ) -> Bool {
        packer.append(size(ofEntryAt: place), link) {
            bytes.load(UInt64.self, at: Self.start + place + 8 * $0)
        }
    }
}

extension Span {
    /// The index of the first element for which `isBefore` is false; it must be true for all before.
    func bisect(_ isBefore: (borrowing Element) -> Bool) -> Int {
        var (low, high) = (0, count)
        while low < high {
            let middle = (low + high) / 2
            if isBefore(self[middle]) { low = middle + 1 } else { high = middle }
        }
        return low
    }
}

// MARK: Layout

extension TableImage {
    /// False if the layout is not as libiptc writes it.
    private mutating func findChains() -> Bool {
        guard size <= Int(Int32.max), end >= 0 else { return false }
        var place = 0
        var number = 0
        for hook in ImageEntry.builtin.indices where info.hooks & (1 << UInt32(hook)) != 0 {
            let foot = Int(info.underflows[hook])
            guard Int(info.hookEntries[hook]) == place, foot >= place,
                var chain = chain(from: place, number, until: { place, _ in place == foot })
            else { return false }
            chain.name = ImageEntry.builtin[hook]
            chain.hook = hook
            chains.append(chain)
            place = chain.end
            number += chain.ruleCount + 1
        }
        while place < end {
            guard let chain = ownChain(from: place, number) else { return false }
            chains.append(chain)
            place = chain.end
            number += chain.ruleCount + 2
        }
        // The last entry ends the table, and leaves nothing behind it.
        guard place == end, entry(at: place, limit: size) != nil,
            size(ofEntryAt: place) == size - place, number + 1 == Int(info.entries)
        else { return false }
        sorted = chains.indices.filter { chains[$0].hook == nil }
        if !zip(sorted, sorted.dropFirst()).allSatisfy({ chains[$0].name < chains[$1].name }) {
            let chains = chains
            sorted.sort { chains[$0].name < chains[$1].name }
        }
        return true
    }

    private mutating func ownChain(from head: Int, _ number: Int) -> ImageChain? {
        guard let header = entry(at: head, limit: end), isError(header),
            header + ImageEntry.errorTargetSize == head + size(ofEntryAt: head)
        else { return nil }
        let limit = Int(xt_error_target_size) - Int(xt_error_target_errorname)
        let place = Self.start + header + Int(xt_error_target_errorname)
        let name = bytes.text(at: place, limit: limit)
        // Other names might be sorted by Swift in another way than by libiptc.
        guard !name.isEmpty, name.utf8.allSatisfy({ $0 < 0x80 }) else { return nil }
        let body = head + size(ofEntryAt: head)
        // A chain ends where the next one begins, with a return in front.
        let chain = chain(from: body, number + 1) { [end, layout] place, image in
            let next = place + image.size(ofEntryAt: place)
            guard next < end else { return true }
            return image.target(ofEntryAt: next) - next == layout.size
                && next + layout.size + ImageEntry.errorTargetSize <= image.size
                && image.isError(image.target(ofEntryAt: next))
        }
        guard var chain else { return nil }
        let foot = chain.foot + layout.size
        guard target(ofEntryAt: chain.foot) == foot, isStandard(foot),
            verdict(foot) == ImageEntry.returns
        else { return nil }
        chain.name = name
        chain.head = head
        chain.firstEntry = number
        return chain
    }

    /// The entries from `place` up to the one that `isFoot` accepts; collects the jumps in front of it.
    private mutating func chain(
        from place: Int,
        _ number: Int,
        until isFoot: (Int, borrowing TableImage) -> Bool
    ) -> ImageChain? {
        var next = place
        var count = 0
        while next < end {
            guard let header = entry(at: next, limit: end) else { return nil }
            let behind = next + size(ofEntryAt: next)
            if isFoot(next, self) {
                return ImageChain(
                    name: "",
                    head: place,
                    body: place,
                    foot: next,
                    end: behind,
                    firstEntry: number,
                    ruleCount: count
                )
            }
            if isStandard(header), verdict(header) >= 0 {
                jumps.append(
                    ImageJump(place: Int32(next), target: verdict(header), chain: -1)
                )
            }
            next = behind
            count += 1
        }
        return nil
    }

    /// The offset of an entry's target, if the entry's sizes are consistent and end before `limit`.
    private func entry(at place: Int, limit: Int) -> Int? {
        guard place + layout.size + Int(xt_entry_match_size) <= limit else { return nil }
        let header = target(ofEntryAt: place)
        let next = place + size(ofEntryAt: place)
        guard header >= place + layout.size, next <= limit,
            header + Int(xt_entry_match_size) <= next
        else { return nil }
        // A verdict is behind the target's header.
        if isStandard(header), header + ImageEntry.standardTargetSize > next { return nil }
        return header
    }

    /// False if a jump leads to anything but the beginning of a chain or the next rule.
    private mutating func resolveJumps() -> Bool {
        let own = (chains.firstIndex { $0.hook == nil } ?? chains.count)..<chains.count
        let bodies = own.map { Int32(chains[$0].body) }
        for index in jumps.indices {
            let jump = jumps[index]
            let chain = bodies.span.bisect { $0 < jump.target }
            if chain < bodies.count, bodies[chain] == jump.target {
                jumps[index].chain = Int32(own.lowerBound + chain)
            } else if Int(jump.target) != Int(jump.place) + size(ofEntryAt: Int(jump.place)) {
                return false
            }
        }
        return true
    }
}
