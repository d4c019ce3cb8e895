import Addressing
import CIPSet
import DataplaneModel
import Glibc
import HostFacts
import Netlink

/// Changes being made set by set, and their outcome.
///
/// A refusal for one set does not keep the others from being changed.
struct IPSetEdit: ~Copyable {
    private let connection: IPSetConnection
    private(set) var report = ApplyReport()

    init(_ connection: IPSetConnection) {
        self.connection = connection
    }

    // MARK: - Additions

    /// Creates a set, or replaces the one of that name.
    mutating func create(_ set: IPSet) throws(DataplaneError) {
        if let failure = try connection.create(set.name.text, like: set) {
            guard failure.isRefusal(EEXIST) else {
                fail(.create, set.name, failure)
                return
            }
            try replace(set)
            return
        }
        report.operations += 1
        let refused = try fill(set.name.text, with: set)
        report.operations += refused.accepted(of: set.entries.count)
        record(refused, .add, set.name, set.sortedEntries)
    }

    private mutating func fill(
        _ name: String,
        with set: IPSet
    ) throws(DataplaneError) -> RefusedEntries {
        let entries = set.sortedEntries
        let marks = set.carriesMarks ? entries.map { set.entries[$0] ?? 0 } : nil
        return try connection.change(.add, name, entries, marks: marks)
    }

    /// Rules see the old set until the new one is full, and then the new one.
    mutating func replace(_ set: IPSet) throws(DataplaneError) {
        let spare = Self.spareName(for: set.name)
        // ENOENT is the normal case: no interrupted replacement left one.
        if let failure = connection.perform(.destroy, spare), !failure.isRefusal(ENOENT) {
            fail(.destroy, IPSetName(spare), failure)
            return
        }
        if let failure = try connection.create(spare, like: set) {
            fail(.create, set.name, failure)
            return
        }
        let refused = try fill(spare, with: set)
        record(refused, .add, set.name, set.sortedEntries)
        // An incomplete set would be worse than the old content.
        guard refused.all == nil else {
            _ = connection.perform(.destroy, spare)
            return
        }
        if try putInPlace(spare, of: set.name) { report.operations += 1 }
    }

    /// Begins like `name`, so that it belongs to the same owner.
    private static func spareName(for name: IPSetName) -> String {
        String(decoding: name.text.utf8.prefix(IPSetName.maximumLength - 1), as: UTF8.self) + "~"
    }

    private mutating func putInPlace(
        _ spare: String,
        of name: IPSetName
    ) throws(DataplaneError) -> Bool {
        guard let failure = connection.perform(.swap, spare, name.text) else {
            // The old set has this name now.
            guard let failure = connection.perform(.destroy, spare) else { return true }
            fail(.destroy, IPSetName(spare), failure)
            return false
        }
        if failure.isRefusal(IPSET_ERR_TYPE_MISMATCH.rawValue) {
            // The kernel does not swap sets of different types, so the old one has to go first, which
            // fails while a rule uses it.
            if let failure = connection.perform(.destroy, name.text) {
                _ = connection.perform(.destroy, spare)
                fail(.destroy, name, failure, scope: .family)
                return false
            }
        } else if !failure.isRefusal(IPSET_ERR_EXIST_SETNAME2.rawValue) {
            _ = connection.perform(.destroy, spare)
            fail(.swap, name, failure)
            return false
        }
        guard let failure = connection.perform(.rename, spare, name.text) else { return true }
        fail(.rename, name, failure)
        return false
    }

    /// Adds the new entries, and enlarges the set if it has no room for them.
    mutating func add(_ update: IPSetChange.Update) throws(DataplaneError) {
        guard let header = try connection.header(of: update.name.text) else {
            fail(.add, update.name, connection.session.refusal(ENOENT, .add))
            return
        }
        // A mark for a set without marks is sent as well, so that the kernel refuses it.
        let isMarked = header.carriesMarks || update.marks.contains { $0 != 0 }
        let refused = try connection.change(
            .add,
            update.name.text,
            update.added,
            marks: isMarked ? update.marks : nil
        )
        if refused.isFull {
            try grow(by: update)
        } else {
            report.operations += refused.accepted(of: update.added.count)
            record(refused, .add, update.name, update.added)
        }
    }

    /// Entries to be removed are still in the set, so it can be full although the plan fits.
    private mutating func grow(by update: IPSetChange.Update) throws(DataplaneError) {
        guard let header = try connection.header(of: update.name.text),
            var set = try connection.set(header)
        else {
            fail(.add, update.name, connection.session.refusal(ENOENT, .add))
            return
        }
        for (entry, mark) in zip(update.added, update.marks) { set.entries[entry] = mark }
        set.capacity = max(2 * set.capacity, IPSet.capacity(for: set.entries.count))
        try replace(set)
    }

    // MARK: - Removals

    /// Removes the old entries.
    mutating func remove(_ update: IPSetChange.Update) throws(DataplaneError) {
        let name = update.name.text
        let refused = try connection.change(.delete, name, update.removed, marks: nil)
        report.operations += refused.accepted(of: update.removed.count)
        record(refused, .delete, update.name, update.removed)
    }

    /// Destroys a set; a failure if a rule uses it.
    mutating func destroy(_ name: IPSetName) throws(DataplaneError) {
        // ENOENT: another program has destroyed it already.
        if let failure = connection.perform(.destroy, name.text), !failure.isRefusal(ENOENT) {
            fail(.destroy, name, failure)
            return
        }
        report.operations += 1
    }

    // MARK: - Failures

    private mutating func record(
        _ refused: RefusedEntries,
        _ command: IPSetCommand,
        _ name: IPSetName,
        _ entries: [IPSetEntry]
    ) {
        if let errno = refused.all {
            fail(
                command,
                name,
                connection.session.refusal(errno, command),
                kind: entries.first?.kind,
                scope: command == .add ? .family : .object
            )
            return
        }
        let set = IPSetConnection.subject(name.text)
        var errors: [DataplaneError] = []
        for (index, errno) in refused.entries {
            let entry = entries[index]
            let subject = "\(set), entry \(entry)"
            errors.append(connection.error(command, errno, of: subject, kind: entry.kind))
        }
        report.fail(errors, of: set)
    }

    private mutating func fail(
        _ command: IPSetCommand,
        _ name: IPSetName,
        _ failure: IPSetFailure,
        kind: IPSetKind? = nil,
        scope: DataplaneError.Scope? = nil
    ) {
        let subject = IPSetConnection.subject(name.text)
        var error = DataplaneError.ipset(command, subject, failure, kind: kind)
        // A set that stays too long does no harm; rules refer to one that is missing.
        error.scope = scope ?? (command == .destroy ? .object : .family)
        report.failures.append(error)
    }
}
