import HealthChecking
import KubernetesClient
import Logging
import ServiceModel

/// Updates of sources and health checks.
extension DaemonState {
    mutating func take(_ update: SourceUpdate, at now: Instant) {
        let wasFromMemory = cluster?.isFromMemory
        let step: SnapshotPipeline.Step?
        switch update {
        case .files(let update):
            filesRevision = update.snapshot.revision
            filesProblem = nil
            step = pipeline.take(update, from: .files, at: now)
        case .cluster(let update):
            turn.triggers += update.triggers.values.joined()
            if let recording = cluster?.take(update) {
                perform(.remember(recording, changed: update.update.changed))
            }
            step = pipeline.take(update.update, from: .cluster, at: now)
        case .memory(let recording):
            step = cluster?.recall(recording).flatMap {
                pipeline.take($0, from: .cluster, at: now)
            }
        }
        if let isFromMemory = cluster?.isFromMemory, isFromMemory != wasFromMemory {
            if isFromMemory {
                log(
                    .warning,
                    "No API server answers; serving what the cluster held in an earlier run"
                )
            } else {
                log(
                    .notice,
                    "An API server answers; what the cluster held earlier no longer counts"
                )
            }
        }
        if let facts = cluster?.facts, facts != learned {
            learned = facts
            perform(.learn(facts))
        }
        guard let step else { return }
        var arrival = Turn.Arrival(
            source: update.source,
            update: step.update,
            previous: step.previous,
            isDue: mayBegin(at: now),
            at: now
        )
        if case .cluster(let update) = update { arrival.times = update.times }
        turn.arrivals.append(arrival)
        go(step, at: now)
    }

    /// Requests a pass for what went through the pipeline.
    mutating func go(_ step: SnapshotPipeline.Step?, at now: Instant) {
        // The next start does not need what is missing and not held. Before every source has
        // reported, the removal guard has judged nothing.
        if pipeline.missing.isEmpty, pipeline.hold == nil, filesRevision > forgottenRevision {
            forgottenRevision = filesRevision
            perform(.forgetMissing(upTo: filesRevision))
        }
        guard let step else { return }
        turn.sourceIssues = step.update.snapshot.issues
        if !step.targets.isEmpty { perform(.probe(step.targets)) }
        scheduler.request(at: now)
    }

    mutating func take(_ changes: [HealthChange], at now: Instant) {
        turn.healthChanges += changes
        if pipeline.take(changes) { scheduler.request(at: now) }
    }

    mutating func confirm(_ id: ConfirmID, at now: Instant) {
        let held = pipeline.hold?.services ?? 0
        go(pipeline.confirm(at: now), at: now)
        perform(.answer(id, held))
    }

    /// The dataplane has received what the cluster knows of the node.
    mutating func learned(_ matters: Bool, at now: Instant) {
        guard matters else { return }
        log(.notice, "Node object changed")
        replan(at: now)
    }

    mutating func replan(at now: Instant) {
        pipeline.invalidate()
        scheduler.request(at: now, full: true)
    }
}
