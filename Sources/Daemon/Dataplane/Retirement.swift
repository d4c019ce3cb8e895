package import Addressing
package import DataplaneModel
package import Planning

/// What other modes left in the kernel in one family. Each call fails as the stores do.
package protocol ModeLeftovers {
    var family: IPFamily { get }

    /// The leftovers, without those that only wait for their last connections.
    func find() throws(DataplaneError) -> [ObjectDifference]

    /// Removes them, but lets open connections drain; see `performDueWork`.
    func retire() throws(DataplaneError) -> ApplyReport

    /// Removes what has drained.
    func performDueWork() throws(DataplaneError)
}

/// Objects of other modes that are still in the kernel, and why.
package struct Leftovers: Sendable, Equatable, CustomStringConvertible {
    package enum Reason: Sendable, Equatable {
        /// The present mode is not programmed yet, and connections need them.
        case needed
        case failed(DataplaneError)
    }

    package var family: IPFamily
    /// Number of objects by kind.
    package var counts: [ObjectDifference.Kind: Int]
    /// The object's name where it is the only one of its kind, by kind.
    package var names: [ObjectDifference.Kind: String]
    /// Why they could not be listed; nil if they could.
    package var unknown: DataplaneError?
    package var reason: Reason

    init(_ family: IPFamily, _ found: [ObjectDifference], _ reason: Reason) {
        self.family = family
        let groups = Dictionary(grouping: found, by: \.kind)
        counts = groups.mapValues(\.count)
        names = groups.compactMapValues { $0.count == 1 ? $0.first?.name : nil }
        self.reason = reason
    }

    /// `IPv4: 4 × chain, set FAIRLEAD-4-SERVICES: removal failed: …`.
    package var description: String {
        if let unknown {
            return "\(family.rawValue): objects of another mode may be left: \(unknown)"
        }
        let kinds = counts.sorted { $0.key.rawValue < $1.key.rawValue }.map { kind, count in
            names[kind].map { "\(kind.rawValue) \($0)" } ?? "\(count) × \(kind.rawValue)"
        }
        let why =
            switch reason {
            case .needed: "needed until the mode in use has programmed \(family.rawValue)"
            case .failed(let error): "removal failed: \(error)"
            }
        return "\(family.rawValue): \(kinds.joined(separator: ", ")): \(why)"
    }
}

/// Removes what other modes left in one family, as soon as the present mode is programmed there, and
/// tries again until nothing is left. What is put there later goes when it is looked for again.
package struct Retirement {
    package let objects: any ModeLeftovers
    private var isDone = false
    /// What is still there; nil without leftovers.
    package private(set) var leftovers: Leftovers?

    /// Another program held the lock that the removal needs.
    var isLockedOut: Bool {
        guard case .failed(let error) = leftovers?.reason else { return false }
        return error.kind == .locked
    }

    package init(_ objects: any ModeLeftovers) {
        self.objects = objects
    }

    /// Removes leftovers if `presentStands`; returns how many objects were removed. `presentStands` means
    /// that the kernel holds the present mode's plan, except for single objects; until then connections
    /// need the other mode's. Once nothing is left, it is only looked for with `again`: a command or another daemon
    /// may have put some there.
    package mutating func proceed(presentStands: Bool, again: Bool = false) -> Int {
        if isDone, again, let found = try? objects.find(), !found.isEmpty { isDone = false }
        if isDone { return 0 }
        var removed = 0
        var reason = Leftovers.Reason.needed
        do throws(DataplaneError) {
            if presentStands {
                let report = try objects.retire()
                removed = report.operations
                isDone = report.failures.isEmpty
                if let failure = report.failures.first { reason = .failed(failure) }
            }
        } catch {
            reason = .failed(error)
        }
        leftovers = isDone ? nil : list(reason)
        return removed
    }

    private func list(_ reason: Leftovers.Reason) -> Leftovers? {
        do throws(DataplaneError) {
            let found = try objects.find()
            return found.isEmpty ? nil : Leftovers(objects.family, found, reason)
        } catch {
            var leftovers = Leftovers(objects.family, [], reason)
            leftovers.unknown = error
            return leftovers
        }
    }
}
