import Addressing
import DaemonConfiguration
import DataplaneModel
import KubernetesAPI
import KubernetesClient
import Logging
import Planning
import Reconciling
import ServiceModel
import ServiceSources
import Telemetry

/// The sources that the configuration names, and what they add up to.
struct ServiceInputs {
    /// What one of them brings.
    enum Arrival: Sendable {
        case files(SnapshotUpdate)
        case cluster(KubernetesUpdate)
        /// What the cluster held in an earlier run, as no API server has answered yet.
        case memory(ClusterRecording)

        /// As metrics and status name it.
        var source: String {
            switch self {
            case .files: "files"
            case .cluster, .memory: "cluster"
            }
        }
    }

    /// How long an API server may take to answer before its last known state is taken for now.
    private static let patience = Duration.seconds(10)

    private let files: FileSource?
    let cluster: ClusterFeed?
    private let memory: ClusterMemory?
    /// Where to tell the cluster what happens; nil if none is asked.
    var events: EventRecorder? { cluster?.events }
    private var merger: SnapshotMerger
    private var removalGuard: MassRemovalGuard
    /// What the cluster says of the node; nil where no API server is asked.
    private(set) var facts: ClusterFacts?
    /// The own Node as of now; nil if there is none or it is unknown.
    private(set) var node: NodeObject?
    private(set) var hasHeardCluster = false
    /// What the API server has not answered for yet.
    private var unanswered: Set<KubernetesResource> = []
    /// Of the last update of the manifests.
    private var filesRevision: UInt64 = 0
    /// Changes in the cluster that no pass has programmed yet.
    var latencies = ProgrammingLatencies()
    /// The cluster's part is what it was in an earlier run.
    private(set) var isFromMemory = false

    /// `observe` is told of each request to an API server.
    init(
        _ configuration: DaemonConfiguration,
        nodeName: String,
        logger: Logger,
        observe: @escaping @Sendable (RequestOutcome) -> Void = { _ in }
    ) {
        let sources = configuration.sources
        var origins: Set<ServiceOrigin> = []
        files = FileSource(sources)
        if files != nil { origins.insert(.files) }
        cluster = ClusterFeed(
            sources,
            nodeName: nodeName,
            asksForNodes: configuration.chosenMode.needsNodeAddresses,
            logger: logger,
            observe: observe
        )
        memory = ClusterMemory(sources, logger: logger)
        if cluster != nil {
            origins.insert(.cluster)
            facts = ClusterFacts()
        }
        merger = SnapshotMerger(origins, fileSource: sources.filePath)
        removalGuard = MassRemovalGuard(MassRemovalGuard.Settings(configuration.removals))
    }

    /// Follows the sources until the tasks are cancelled.
    func follow(_ yield: @escaping @Sendable (Arrival) -> Void) -> [Task<Void, Never>] {
        var feeds: [Task<Void, Never>] = []
        if let files {
            feeds.append(Task { for await update in files.updates() { yield(.files(update)) } })
        }
        if let cluster {
            feeds.append(Task { await cluster.follow { yield(.cluster($0)) } })
        }
        if let memory {
            feeds.append(
                Task {
                    guard (try? await Task.sleep(for: Self.patience)) != nil else { return }
                    if let recording = await memory.recall() { yield(.memory(recording)) }
                }
            )
        }
        return feeds
    }

    /// Takes in what a source brought and returns what to go by; nil as long as another source has
    /// not reported.
    mutating func take(_ arrival: Arrival) async -> SnapshotUpdate? {
        if case .files(let update) = arrival { filesRevision = update.snapshot.revision }
        guard let update = await merge(arrival) else { return nil }
        return afterJudging(removalGuard.take(update, at: .now))
    }

    /// What was missing and is not held need not be known at the next start.
    private func afterJudging(_ update: SnapshotUpdate?) -> SnapshotUpdate? {
        if removalGuard.hold == nil { files?.forgetMissing(upTo: filesRevision) }
        return update
    }

    /// Services that the removal guard keeps though the sources have lost them; nil if there are none.
    var hold: MassRemovalGuard.Hold? { removalGuard.hold }

    /// The holds that have ended since the last call.
    mutating func takeEndings() -> [MassRemovalGuard.Ending] { removalGuard.takeEndings() }

    /// Goes by other settings of the removal guard from now on; nil if that lets go of nothing.
    mutating func reconfigure(_ removals: DaemonConfiguration.Removals) -> SnapshotUpdate? {
        afterJudging(removalGuard.reconfigure(MassRemovalGuard.Settings(removals), at: .now))
    }

    /// Lets go of what is held back if its time is over; nil if there is nothing new.
    mutating func releaseExpired() -> SnapshotUpdate? {
        afterJudging(removalGuard.expire(at: .now))
    }

    /// Lets go of what is held back; nil if nothing is.
    mutating func confirmRemovals() -> SnapshotUpdate? {
        afterJudging(removalGuard.confirm(at: .now))
    }

    private mutating func merge(_ arrival: Arrival) async -> SnapshotUpdate? {
        switch arrival {
        case .files(let update): return merger.take(update, from: .files)
        case .cluster(let update):
            hasHeardCluster = true
            isFromMemory = false
            node = update.node
            unanswered = update.unanswered
            latencies.add(update.triggers.values.joined())
            facts?.learn(update.node, update.serviceCIDRs)
            facts?.otherNodes = update.otherNodes
            // Ranges that this run has not been told of yet are those of the last one.
            let ranges = facts?.serviceCIDRs ?? []
            await memory?.remember(ClusterRecording(update, serviceCIDRs: ranges))
            return merger.take(update.update, from: .cluster)
        case .memory(let recording):
            if hasHeardCluster {
                recallServiceCIDRs(recording)
                return nil
            }
            isFromMemory = true
            facts?.learn(recording.node, recording.serviceCIDRs)
            let snapshot = ServiceSnapshot(services: recording.services, slices: recording.slices)
            return merger.take(SnapshotUpdate(snapshot: snapshot, changed: .all), from: .cluster)
        }
    }

    /// The ranges of an earlier run stand in as long as the API server names none: it may have
    /// refused to for now only.
    private mutating func recallServiceCIDRs(_ recording: ClusterRecording) {
        guard facts?.serviceCIDRs.isEmpty == true else { return }
        facts?.learn(nil, recording.serviceCIDRs)
    }

    /// What is known that the first pass waits for.
    var knownFacts: StartGate.Facts {
        var known: StartGate.Facts = []
        guard let facts else { return known }
        if !facts.addresses.isEmpty { known.insert(.addresses) }
        if !facts.podCIDRs.isEmpty { known.insert(.podRanges) }
        if !facts.serviceCIDRs.isEmpty || !unanswered.contains(.serviceCIDRs) {
            known.insert(.serviceRanges)
        }
        return known
    }

    /// The API server has answered, and has no Node of our name.
    var lacksNode: Bool { hasHeardCluster && node == nil && !unanswered.contains(.nodes) }

    /// Those that have not reported yet.
    var missing: [ServiceOrigin] { merger.missing }

    /// When the manifests were last seen to be readable; nil if there are none to read, nil inside
    /// if they never were.
    var filesLastLook: ContinuousClock.Instant?? { files.map(\.lastLook) }

    /// Looks at every file again.
    func rescan() { files?.rescan() }

    /// Leaves on disk what the next start may need.
    func close() async { await memory?.flush() }
}

extension ClusterFacts {
    /// Takes over what the cluster says. A Node that is gone leaves what it said: the node itself is
    /// still here.
    mutating func learn(_ node: NodeObject?, _ serviceCIDRs: [IPPrefix]) {
        if let node {
            addresses = node.addresses
            zone = node.zone
            podCIDRs = node.podCIDRs
        }
        if !serviceCIDRs.isEmpty { self.serviceCIDRs = serviceCIDRs }
    }
}

extension ClusterRecording {
    fileprivate init(_ update: KubernetesUpdate, serviceCIDRs: [IPPrefix]) {
        self.init(
            services: update.update.snapshot.services,
            slices: update.update.snapshot.slices,
            node: update.node,
            serviceCIDRs: serviceCIDRs
        )
    }
}

extension FileSource {
    /// Nil if the configuration names none.
    fileprivate convenience init?(_ sources: DaemonConfiguration.Sources) {
        guard !sources.filePath.isEmpty else { return nil }
        self.init(
            path: sources.filePath,
            serviceProxyName: sources.serviceProxyName,
            stateDirectory: sources.stateDirectory
        )
    }
}

extension ClusterMemory {
    /// Nil if the configuration asks for none.
    fileprivate init?(_ sources: DaemonConfiguration.Sources, logger: Logger) {
        guard let kubernetes = sources.kubernetes, kubernetes.snapshotCache,
            let directory = sources.stateDirectory
        else { return nil }
        self.init(
            path: directory + "/cluster",
            settings: DecodingSettings(serviceProxyName: sources.serviceProxyName)
        ) { problem in
            logger.warning("Cluster's last state", metadata: ["problem": "\(problem)"])
        }
    }
}

extension ServiceInputs {
    /// Whether the own Node may take traffic from load balancers.
    var eligibility: NodeEligibility {
        guard cluster != nil else { return .notAsked }
        guard let node else { return .unknown }
        if node.isBeingDeleted { return .deleted }
        return node.taintKeys.contains(NodeEligibility.taint) ? .tainted : .eligible
    }
}
