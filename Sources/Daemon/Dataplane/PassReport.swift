package import Addressing
package import DataplaneModel
package import Planning
package import ServiceModel

/// What one pass over all families did.
package struct PassReport: Sendable {
    package var kind: PassKind
    package var began = ContinuousClock.now
    package var duration = Duration.zero
    /// The processor time of it, which waiting for a lock is not part of.
    package var work = Duration.zero
    /// In the order of the dataplane's families.
    package var families: [FamilyOutcome] = []
    /// The settings that the plans were made with.
    package var settings: PlannerSettings?
    /// Objects of a socket level that was switched off, removed.
    package var removedSockets = 0
    /// Why some are still there; nil if none are.
    package var socketRemovalError: DataplaneError?
    /// The daemon is ending: no pass follows that would make up for what failed.
    package var isLast = false

    package init(kind: PassKind) {
        self.kind = kind
    }

    /// What the pass did in one family, and the state afterwards.
    package struct FamilyOutcome: Sendable {
        package var family: IPFamily
        /// Nil if it failed.
        package var report: FamilyPassReport?
        /// Why the family could not be brought up to date; nil if it was.
        package var error: DataplaneError?
        /// The error is that of an earlier pass: the family waits for its retry, and has only taken in what
        /// changed.
        package var isDeferred = false
        package var counts = ServiceTally.Counts()
        /// The health check node ports, by Service.
        package var healthChecks: [ServiceName: ServiceTally.HealthCheck] = [:]
        /// Planned rules by legacy table; empty if none was written.
        package var ruleCounts: [TableName: Int] = [:]
        /// What could not be planned.
        package var issues: [PlanIssue] = []
        /// Single objects and host settings that could not be changed, in this pass or before. The
        /// rest is programmed.
        package var failures: [Failure] = []
        /// Objects of another mode that were removed.
        package var retired = 0
        /// Objects of other modes that are still there.
        package var leftovers: Leftovers?
        /// Nil while the socket level is off.
        package var sockets: SocketOutcome?

        package init(family: IPFamily) {
            self.family = family
        }
    }

    /// What the pass did at the socket level of one family, and the state afterwards.
    package struct SocketOutcome: Sendable {
        /// Nil if it failed.
        package var report: FamilyPassReport?
        /// Why it could not be brought up to date; nil if it was.
        package var error: DataplaneError?
        /// Single objects that could not be changed, in this pass or before.
        package var failures: [DataplaneError] = []
        /// Nil if it could not be found out.
        package var use: SocketUse?

        package init(error: DataplaneError? = nil) {
            self.error = error
        }

        /// What serves where it could not be brought up to date.
        var remaining: String {
            use?.attached.isEmpty ?? false
                ? "the rules serve alone" : "programs that are attached go on as they were"
        }
    }

    /// An operation that failed.
    package struct Failure: Sendable, Equatable, CustomStringConvertible {
        package var family: IPFamily
        package var error: DataplaneError
        /// What does not work as a result, for a setting of the host.
        package var consequence: String?

        package init(_ family: IPFamily, _ error: DataplaneError, consequence: String? = nil) {
            self.family = family
            self.error = error
            self.consequence = consequence
        }

        package var description: String { "\(consequence ?? family.rawValue): \(error)" }
    }

    /// Something in one family that could not be planned.
    package struct Issue: Sendable, Equatable, CustomStringConvertible {
        package var family: IPFamily
        package var issue: PlanIssue

        package var description: String { "\(family.rawValue): \(issue)" }
    }
}

/// All families together.
extension PassReport {
    /// Services in the family that has most.
    package var services: Int { families.map(\.counts.services).max() ?? 0 }
    package var changedServices: Int { reports.map(\.changedServices).max() ?? 0 }
    package var operations: Int { reports.reduce(0) { $0 + $1.apply.operations } }
    /// It was a resync, and other work kept it from observing a family.
    package var isGivenUp: Bool { reports.contains(where: \.isGivenUp) }
    package var conflicts: Int { reports.reduce(0) { $0 + $1.apply.conflicts } }
    /// Objects of another mode that were removed.
    package var retired: Int { families.reduce(0) { $0 + $1.retired } }
    /// Objects that another program had changed.
    package var drift: Int { reports.reduce(0) { $0 + $1.drift } }
    /// Services that those objects belong to.
    package var driftedServices: Set<ServiceName> {
        reports.reduce(into: []) { $0.formUnion($1.driftedServices) }
    }
    /// What could not be planned.
    package var issues: [Issue] {
        families.flatMap { family in
            family.issues.map { Issue(family: family.family, issue: $0) }
        }
    }
    /// Single objects and host settings that could not be changed. The rest is programmed.
    package var failures: [Failure] { families.flatMap(\.failures) }
    /// Why families could not be brought up to date.
    package var errors: [Failure] {
        families.compactMap { family in family.error.map { Failure(family.family, $0) } }
    }
    /// Objects of other modes that are still there and may take precedence over the plan.
    package var leftovers: [Leftovers] { families.compactMap(\.leftovers) }
    /// The first operations in the format of the mode's tools; empty unless requested.
    package var operationLines: [String] {
        families.flatMap { family in
            let lines = [family.report, family.sockets?.report].compactMap(\.self)
                .flatMap(\.operationLines)
            return lines.map { "\(family.family.rawValue): \($0)" }
        }
    }
    /// What does not work at the socket level, and what serves meanwhile.
    package var socketProblems: [String] {
        let families = families.flatMap { family in
            let errors = [family.sockets?.error].compactMap(\.self).map {
                "\($0); \(family.sockets?.remaining ?? "")"
            }
            return (errors + (family.sockets?.failures ?? []).map { "\($0)" }).map {
                "\(family.family.rawValue): \($0)"
            }
        }
        let removal = socketRemovalError.map {
            "not removed: \($0); programs that are attached go on as they were"
        }
        return families + [removal].compactMap(\.self)
    }

    private var reports: [FamilyPassReport] {
        families.flatMap { [$0.report, $0.sockets?.report].compactMap(\.self) }
    }

    /// Whether something was left undone for the lock of legacy tables.
    package var isLockedOut: Bool {
        families.contains { family in
            if case .failed(let error) = family.leftovers?.reason, error.kind == .locked {
                return true
            }
            return family.error?.kind == .locked
        }
    }

    /// Whether every family is programmed, except for single objects.
    package var succeeded: Bool { families.allSatisfy { $0.error == nil } }

    /// What the pass itself did: a family that waits for its retry is no part of it.
    package var outcome: PassOutcome {
        let kinds = Set(families.filter { !$0.isDeferred }.compactMap(\.error?.kind))
        if kinds.isEmpty {
            let isWhole = failures.isEmpty && leftovers.isEmpty && socketProblems.isEmpty
            return isWhole ? .succeeded : .incomplete
        }
        let partly = families.contains { $0.error == nil }
        if kinds.isSubset(of: [.busy, .locked]) { return .failed(.soon, partly: partly) }
        let needsHelp = kinds.isSubset(of: [.notPermitted, .unsupported])
        return .failed(needsHelp ? .slowly : .backingOff, partly: partly)
    }

    /// For the log: `shop/api, shop/web and 12 more`; `-` if the repaired objects belong to no Service.
    package var driftedServicesText: String {
        let shown = 3
        if driftedServices.isEmpty { return "-" }
        let names = driftedServices.sorted().prefix(shown).map(\.description)
        let rest = driftedServices.count - names.count
        return names.joined(separator: ", ") + (rest > 0 ? " and \(rest) more" : "")
    }
}

extension DataplaneError {
    /// What to do about the error, if that is known and not part of its text; else nil.
    package var cure: String? {
        switch kind {
        case .notPermitted:
            "This needs root, or the capability \(operation == "setns" ? "CAP_SYS_ADMIN" : "CAP_NET_ADMIN")"
        case .locked: "Another program holds the lock: look for a stuck iptables"
        case .conflict, .notFound, .alreadyExists, .unsupported, .invalid, .busy, .other: nil
        }
    }

    /// The error with its cure, if that is known.
    package var advice: String { cure.map { "\(self). \($0)" } ?? "\(self)" }
}
