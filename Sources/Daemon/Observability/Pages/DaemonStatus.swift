import Addressing
import DaemonConfiguration
import Dataplane
import DataplaneModel
import Glibc
import HealthChecking
import KubernetesClient
import Planning
import Reconciling
import ServiceModel
import Telemetry

/// What `fairlead status` shows: the daemon on one screen.
package struct DaemonStatus: Codable, Sendable {
    struct Health: Codable, Sendable {
        /// `/livez`.
        var live: Bool
        /// `/healthz`, but for the node's eligibility.
        var healthy: Bool
        var nodeEligible: Bool
        var problems: [String]
    }

    struct Source: Codable, Sendable {
        var name: String
        /// Since it last brought a change.
        var changedSecondsAgo: Double?
        /// Since its last sign of life, where it gives any.
        var silentSeconds: Double?
        var stale: Bool
        /// Of the cluster.
        var following: Following?
    }

    /// How the cluster is followed.
    struct Following: Codable, Sendable {
        struct Resource: Codable, Sendable {
            var name: String
            var phase: String
            var server: String?
            /// Since its last sign of life.
            var heardSecondsAgo: Double?
            /// Failures since.
            var failures: Int
            /// The last one, even if all is well by now.
            var lastError: String?
            /// Complete lists received.
            var lists: Int
            /// Those since a watch last worked.
            var listsWithoutWatch: Int
            /// No watch works, so that what is known may be out of date.
            var circling: Bool
        }

        var resources: [Resource]
        /// Why nothing is followed.
        var problem: String?
        /// The Services are those that the cluster held in an earlier run.
        var fromMemory: Bool
    }

    struct HealthChecks: Codable, Sendable {
        var targets: Int
        var unhealthy: Int
        /// Without a verdict yet.
        var unknown: Int
        var probes: UInt64
        var failedProbes: UInt64
        /// For how long the longest overdue probe has waited.
        var lagSeconds: Double
        /// Service ports without a healthy endpoint.
        var withoutHealthyEndpoint: [String]
    }

    struct Family: Codable, Sendable {
        var family: String
        var services: Int
        var ports: Int
        var endpoints: Int
    }

    /// The socket level of one family.
    struct Sockets: Codable, Sendable {
        struct Map: Codable, Sendable {
            var name: String
            var entries: Int
            var capacity: Int
        }

        /// How often there was no room for what is remembered of a socket.
        struct Overflows: Codable, Sendable {
            var memory: UInt64
            var flows: UInt64
            var udpSockets: UInt64
        }

        var family: String
        /// `node` or `all`.
        var scope: String
        var cgroup: String
        /// The calls that have a program of Fairlead's: `connect4`.
        var attached: [String]
        /// Programs of others at the same calls: `connect4: sd_fw (id 12)`.
        var foreign: [String]
        /// How many cgroups are left out.
        var excludedCgroups: Int
        var maps: [Map]
        var overflows: Overflows
        /// Why a part of this is not known.
        var failure: String?
    }

    struct Pass: Codable, Sendable {
        var kind: String
        var succeeded: Bool
        var secondsAgo: Double
        var seconds: Double
        var changedServices: Int
        var operations: Int
    }

    struct Issue: Codable, Sendable {
        /// Where it is: configuration, source, state, plan, object, pass, other mode, address, removal guard.
        var kind: String
        var problem: String
    }

    /// What is wrong in the sources, of the first issues.
    package var sourceProblems: [String] { issues.filter { $0.kind == "source" }.map(\.problem) }

    /// What the removal guard holds, in words; nil if it holds nothing.
    package var hold: String? { issues.first { $0.kind == "removal guard" }?.problem }

    var version: String
    var mode: String
    var pid: Int32
    var node: String
    var zone: String?
    var started: String
    var uptimeSeconds: Double
    var health: Health
    var sources: [Source]
    var healthChecks: HealthChecks?
    var families: [Family]
    /// Empty while it is off, or not known.
    var socketLevel: [Sockets]
    /// Nil before the first.
    var lastPass: Pass?
    var passes: Int
    var failedPasses: Int
    var driftRepaired: Int
    var driftSecondsAgo: Double?
    var issueCount: Int
    /// The first of them.
    var issues: [Issue]
}

extension DaemonView {
    /// As it is now.
    func status(at now: Moment = .now) async -> DaemonStatus {
        let snapshot = snapshot
        let verdict = health.verdict(at: now)
        let issues = snapshot.issues(listening: await listeningProblems()).flatMap { kind, all in
            all.map { DaemonStatus.Issue(kind: kind, problem: $0) }
        }
        let node = snapshot.lastPass?.settings?.node
        return DaemonStatus(
            version: Version.text,
            mode: snapshot.configuration.modeName,
            pid: getpid(),
            node: node?.name ?? snapshot.configuration.node.name ?? "",
            zone: node?.zone,
            started: snapshot.started.timestamp,
            uptimeSeconds: now.seconds(since: snapshot.started),
            health: .init(
                live: verdict.isLive,
                healthy: verdict.isHealthy,
                nodeEligible: verdict.eligibility.isEligible,
                problems: verdict.problems
            ),
            sources: Self.sources(snapshot, verdict),
            healthChecks: await snapshot.healthChecks.status(),
            families: snapshot.lastPass?.families.map { outcome in
                .init(
                    family: outcome.family.rawValue,
                    services: outcome.counts.services,
                    ports: outcome.counts.ports,
                    endpoints: outcome.counts.endpoints
                )
            } ?? [],
            socketLevel: Self.sockets(snapshot),
            lastPass: snapshot.lastPass.map { Self.pass($0, snapshot.lastPassEnded, now) },
            passes: snapshot.passes,
            failedPasses: snapshot.failedPasses,
            driftRepaired: snapshot.driftRepaired,
            driftSecondsAgo: snapshot.lastDrift.map { now.seconds(since: $0) },
            issueCount: issues.count,
            issues: Array(issues.prefix(DaemonSnapshot.shownIssues))
        )
    }

    private static func sources(
        _ snapshot: DaemonSnapshot,
        _ verdict: HealthVerdict
    ) -> [DaemonStatus.Source] {
        let names = Set(snapshot.sources.keys).union(verdict.sources.map(\.name))
            .union(snapshot.cluster == nil ? [] : ["cluster"])
        return names.sorted().map { name in
            let known = verdict.sources.first { $0.name == name }
            return .init(
                name: name,
                changedSecondsAgo: snapshot.sources[name].map { verdict.now.seconds(since: $0) },
                silentSeconds: known?.silentSeconds,
                stale: known?.isStale ?? false,
                following: name == "cluster"
                    ? snapshot.cluster?.following(at: verdict.now) : nil
            )
        }
    }

    private static func sockets(_ snapshot: DaemonSnapshot) -> [DaemonStatus.Sockets] {
        (snapshot.lastPass?.families ?? []).compactMap { outcome in
            guard let use = outcome.sockets?.use else { return nil }
            return .init(
                family: outcome.family.rawValue,
                scope: snapshot.configuration.socketLB.scope.rawValue,
                cgroup: use.cgroup,
                attached: use.attached,
                foreign: use.foreign,
                excludedCgroups: use.excludedCgroups,
                maps: use.maps.map {
                    .init(name: $0.name, entries: $0.entries, capacity: $0.capacity)
                },
                overflows: .init(
                    memory: use.overflows.memory,
                    flows: use.overflows.flows,
                    udpSockets: use.overflows.udpSockets
                ),
                failure: use.failure
            )
        }
    }

    private static func pass(
        _ report: PassReport,
        _ ended: Moment?,
        _ now: Moment
    ) -> DaemonStatus.Pass {
        .init(
            kind: report.kind.label,
            succeeded: report.succeeded,
            secondsAgo: ended.map { now.seconds(since: $0) } ?? 0,
            seconds: report.duration.inSeconds,
            changedServices: report.changedServices,
            operations: report.operations
        )
    }
}

extension ClusterStatus {
    func following(at now: Moment) -> DaemonStatus.Following {
        .init(
            resources: resources.map { name, state in
                .init(
                    name: name,
                    phase: state.phase.text,
                    server: state.server?.description,
                    heardSecondsAgo: state.silence(at: now),
                    failures: state.failures,
                    lastError: state.lastError,
                    lists: state.lists,
                    listsWithoutWatch: state.listsWithoutWatch,
                    circling: state.isCircling
                )
            },
            problem: problem,
            fromMemory: isFromMemory
        )
    }
}

extension ResourceState.Phase {
    fileprivate var text: String {
        switch self {
        case .connecting, .listing, .watching: rawValue
        case .backingOff: "waiting after a failure"
        case .absent: "not there"
        }
    }
}

extension HealthChecks {
    /// Nil before the start, and if nothing was ever probed.
    func status() async -> DaemonStatus.HealthChecks? {
        guard let summary = await checker?.summary() else { return nil }
        let count = summary.targets.values.reduce(0, +)
        guard count > 0 || summary.totals.probes > 0 else { return nil }
        return .init(
            targets: count,
            unhealthy: summary.targets[.unhealthy] ?? 0,
            unknown: summary.targets[.unknown] ?? 0,
            probes: summary.totals.probes,
            failedProbes: summary.totals.failures,
            lagSeconds: summary.lag.inSeconds,
            withoutHealthyEndpoint: withoutHealthyEndpoint.map(\.description)
        )
    }
}
