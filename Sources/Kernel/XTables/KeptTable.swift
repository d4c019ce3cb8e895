import Addressing
import CIPTables
import DataplaneModel
import Glibc
import HostFacts

/// A table as it was written last, from which the next one is made without reading the kernel's: reading
/// takes half as long as writing.
///
/// It stands for the kernel's table under the lock if all of this holds:
/// - No program has released the lock since (`XTablesLockWatch`).
/// - Sizes and offsets are equal (`TableFingerprint`).
/// - Everything up to Fairlead's first chain is equal, byte for byte but for counters: all rules and policies of
///   built-in chains, and the chains of other programs that come first by name.
/// - Behind it are only chains of Fairlead.
///
/// So what another program added or changed is read, even if it took no lock: it lies in front, or it changed
/// the size. What could go unnoticed is only a change without the lock that puts as many bytes in the place of
/// Fairlead's own rules behind the front; those are put right, as they are by the periodic observation. A table
/// with chains of other programs behind Fairlead's is not kept but read each time: a program without the lock
/// can edit those without a change of size, and the kernel has no request for a part of a table that does not
/// begin at its beginning.
struct KeptTable {
    private let table: PackedTable
    /// The count of `XTablesLockWatch` before the table was read or found equal.
    private let releases: Int
    /// The number of chains that are compared.
    private let head: Int

    /// Nil if chains that `owns` is false for are behind others; the table must be in the kernel as it is.
    init?(_ table: PackedTable, releases: Int, owns: (String) -> Bool) {
        let chains = table.chains
        let isOwned = { (chain: PackedChain) in chain.hook == nil && owns(chain.name) }
        let head = chains.firstIndex(where: isOwned) ?? chains.count
        guard chains[head...].allSatisfy(isOwned) else { return nil }
        self.table = table
        self.releases = releases
        self.head = head
    }

    /// The table, if it is still the one in the kernel. The lock must be held; `releases` is the present
    /// count.
    ///
    /// - Throws: the errors of `TableFingerprint`, or `.other` without memory.
    func present(
        _ family: IPFamily,
        releases: Int,
        by socket: borrowing XTablesSocket
    ) throws(DataplaneError) -> PackedTable? {
        guard releases == self.releases,
            try TableFingerprint(of: table.table, family, by: socket) == table.fingerprint,
            try headIsEqual(EntryLayout.of(family), by: socket)
        else { return nil }
        return table
    }

    /// Reads the beginning of the kernel's table, by giving it memory for no more: it copies entry after entry, and
    /// ends with `EFAULT` at the first one that does not fit.
    private func headIsEqual(
        _ layout: EntryLayout,
        by socket: borrowing XTablesSocket
    ) throws(DataplaneError) -> Bool {
        let start = Int(ipt_get_entries_entrytable)
        let size = table.chains[..<head].reduce(0) { $0 + Int($1.size) }
        let count = start + Int(table.fingerprint.size)
        let present = try TableBytes(capacity: start + size, extent: count)
        present.copy(Array(table.table.rawValue.utf8), to: 0)
        present.store(table.fingerprint.size, at: Int(ipt_get_entries_size))
        let failure = socket.get(Int32(IPT_SO_GET_ENTRIES), into: present, count: count)
        guard failure == 0 || failure == EFAULT else { return false }
        let kept = try TableBytes(capacity: start + size)
        let written = kept.write(
            table.chains.span.extracting(first: head),
            at: start,
            bodies: table.bodies(),
            layout
        )
        guard written == size else { return false }
        // What a new table begins without.
        var place = start
        while place < start + size {
            let length = Int(present.load(UInt16.self, at: place + layout.nextOffset))
            guard length >= layout.size, place + length <= start + size else { return false }
            present.zero((place + layout.origin)..<(place + layout.origin + 4))
            present.zero((place + layout.counters)..<(place + layout.counters + 16))
            place += length
        }
        return present.equals(kept, at: start, start, count: size)
    }
}

/// How often tables were read and written in which way.
package struct TableAccesses: Sendable, Equatable {
    /// Reads of a whole table for a change.
    package var reads = 0
    /// Changes for which the table need not be read, being as it was written last.
    package var sparedReads = 0
    /// Tables written as the kernel's bytes.
    package var direct = 0
    /// Tables written by libiptc.
    package var libiptc = 0
}
