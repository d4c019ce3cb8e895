package import Addressing
package import DataplaneModel
package import Planning
package import ServiceModel

/// What a pass does.
package enum PassKind: Sendable, Equatable {
    /// Applies changes since the last pass.
    case incremental
    /// Applies them, but observes one family first: the one for which that is longest ago.
    case resync
    /// Observes the kernel first.
    case full
}

/// How a pass ended.
package enum PassOutcome: Sendable, Equatable {
    /// The kernel holds the plan.
    case succeeded
    /// The plan stands but for single objects, or as far as is known: the kernel is looked at again
    /// soon, while changes go on as ever.
    case incomplete
    /// Changes wait for the repetition.
    case failed
}

/// What one pass over all families did.
package struct PassReport: Sendable {
    package var kind: PassKind
    package var began = ContinuousClock.now
    package var duration = Duration.zero
    /// Services in the family that has most.
    package var services = 0
    package var changedServices = 0
    package var operations = 0
    package var conflicts = 0
    /// Objects of another mode that were removed.
    package var retired = 0
    /// Objects that somebody else had changed.
    package var drift = 0
    /// Services that those objects belong to.
    package var driftedServices: Set<ServiceName> = []
    /// Wishes that could not be planned.
    package var issues: [String] = []
    /// Single objects that could not be changed, in this pass or before; the rest stands.
    package var failures: [String] = []
    /// Objects of other modes that are still there, and why: they may win over what is wanted.
    package var leftovers: [String] = []
    /// Others may have changed something unnoticed meanwhile.
    package var needsSecondLook = false
    /// What kept a family from being brought up to date.
    package var errors: [String] = []
    /// The first of the operations, in the words of the mode's tools, if they were asked for.
    package var operationLines: [String] = []
    /// As many of a family.
    package static let explained = 1000
    /// By family, in order.
    package var families: [FamilyOutcome] = []
    /// What was planned with.
    package var settings: PlannerSettings?

    /// What the pass did in one family, and what is there now.
    package struct FamilyOutcome: Sendable {
        package var family: IPFamily
        /// Nil if it failed.
        package var report: FamilyPassReport?
        package var counts: ServiceTally.Counts
        /// What Services with a health check node port ask for.
        package var healthChecks: [ServiceName: ServiceTally.HealthCheck]
        package var ruleCounts: [TableName: Int]
        /// Wishes that could not be planned.
        package var issues: [PlanIssue]

        package init(
            family: IPFamily,
            report: FamilyPassReport?,
            counts: ServiceTally.Counts = .init(),
            healthChecks: [ServiceName: ServiceTally.HealthCheck] = [:],
            ruleCounts: [TableName: Int] = [:],
            issues: [PlanIssue] = []
        ) {
            self.family = family
            self.report = report
            self.counts = counts
            self.healthChecks = healthChecks
            self.ruleCounts = ruleCounts
            self.issues = issues
        }
    }

    package init(kind: PassKind) {
        self.kind = kind
    }

    /// Whether all is served but for single objects.
    package var succeeded: Bool { errors.isEmpty }

    package var outcome: PassOutcome {
        if !succeeded { return .failed }
        let isComplete = failures.isEmpty && leftovers.isEmpty && !needsSecondLook
        return isComplete ? .succeeded : .incomplete
    }

    /// For the log: `shop/api, shop/web and 12 more`; `-` if no Service owns what was repaired.
    package var driftedServicesText: String {
        let shown = 3
        if driftedServices.isEmpty { return "-" }
        let names = driftedServices.sorted().prefix(shown).map(\.description)
        let rest = driftedServices.count - names.count
        return names.joined(separator: ", ") + (rest > 0 ? " and \(rest) more" : "")
    }

    package mutating func add(_ family: FamilyPassReport) {
        changedServices = max(changedServices, family.changedServices)
        operations += family.apply.operations
        conflicts += family.apply.conflicts
        drift += family.drift
        driftedServices.formUnion(family.driftedServices)
    }
}
