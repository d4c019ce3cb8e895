import Addressing
import DataplaneModel
import Planning
import Reconciling
import ServiceModel
import Telemetry

/// What one pass over all families did.
struct PassReport: Sendable {
    var kind: PassScheduler.PassKind
    var began = Moment.now
    var duration = Duration.zero
    /// Services in the family that has most.
    var services = 0
    var changedServices = 0
    var operations = 0
    var conflicts = 0
    /// Objects of another mode that were removed.
    var retired = 0
    /// Objects that somebody else had changed.
    var drift = 0
    /// Services that those objects belong to.
    var driftedServices: Set<ServiceName> = []
    /// Wishes that could not be planned.
    var issues: [String] = []
    /// Single objects that could not be changed, in this pass or before; the rest stands.
    var failures: [String] = []
    /// Objects of other modes that are still there, and why: they may win over what is wanted.
    var leftovers: [String] = []
    /// Others may have changed something unnoticed meanwhile.
    var needsSecondLook = false
    /// What kept a family from being brought up to date.
    var errors: [String] = []
    /// The first of the operations, in the words of the mode's tools, if they were asked for.
    var operationLines: [String] = []
    /// As many of a family.
    static let explained = 1000
    /// By family, in order.
    var families: [FamilyOutcome] = []
    /// What was planned with.
    var settings: PlannerSettings?

    /// What the pass did in one family, and what is there now.
    struct FamilyOutcome: Sendable {
        var family: IPFamily
        /// Nil if it failed.
        var report: FamilyPassReport?
        var counts: ServiceTally.Counts
        /// What Services with a health check node port ask for.
        var healthChecks: [ServiceName: ServiceTally.HealthCheck]
        var ruleCounts: [TableName: Int]
        /// Wishes that could not be planned.
        var issues: [PlanIssue]
    }

    init(kind: PassScheduler.PassKind) {
        self.kind = kind
    }

    /// Whether all is served but for single objects.
    var succeeded: Bool { errors.isEmpty }

    var outcome: PassScheduler.Outcome {
        if !succeeded { return .failed }
        let isComplete = failures.isEmpty && leftovers.isEmpty && !needsSecondLook
        return isComplete ? .succeeded : .incomplete
    }

    /// For the log: `shop/api, shop/web and 12 more`; `-` if no Service owns what was repaired.
    var driftedServicesText: String {
        let shown = 3
        if driftedServices.isEmpty { return "-" }
        let names = driftedServices.sorted().prefix(shown).map(\.description)
        let rest = driftedServices.count - names.count
        return names.joined(separator: ", ") + (rest > 0 ? " and \(rest) more" : "")
    }

    mutating func add(_ family: FamilyPassReport) {
        changedServices = max(changedServices, family.changedServices)
        operations += family.apply.operations
        conflicts += family.apply.conflicts
        drift += family.drift
        driftedServices.formUnion(family.driftedServices)
    }
}
