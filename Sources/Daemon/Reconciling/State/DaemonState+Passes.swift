import DaemonConfiguration
import Dataplane
import DataplaneModel
import KubernetesClient
import Logging
import Planning
import PrintableText
import ServiceModel
import Telemetry

/// Passes, and what is done periodically.
extension DaemonState {
    mutating func tick(at now: Instant) {
        if !isLooking {
            let forDrift = now >= nextLook
            pulse.last = now
            if forDrift { nextLook = now + configuration.reconcile.driftCheckInterval }
            isLooking = true
            perform(.look(forDrift: forDrift))
        }
        go(pipeline.expire(at: now), at: now)
        if let reason = waitingNotice.report(mayBegin(at: now) ? nil : waitingReason, at: now) {
            log(
                .warning,
                "Nothing is programmed before all sources have reported",
                ["missing": reason]
            )
        }
    }

    /// What there is stays to be found if an answer is still to come.
    mutating func noticed(at now: Instant) {
        nextLook = now
        tick(at: now)
    }

    /// The reply comes from the dataplane's thread: if that hangs, the watchdog gets no keep-alive.
    mutating func take(_ look: Look, at now: Instant) {
        isLooking = false
        notify(.keepAlive)
        turn.isAlive = true
        turn.socketUses = look.socketUses
        turn.flowRuns += look.flowRuns
        for (family, count) in look.endedSockets {
            turn.endedSockets[family, default: 0] += count
        }
        noteProblems(look, at: now)
        noteFacts(look, at: now)
        filesProblem = look.files?.problem
        noteSources(look)
    }

    private mutating func noteFacts(_ look: Look, at now: Instant) {
        for part in look.changedFacts {
            switch part {
            case .addresses: log(.notice, "Node addresses changed")
            case .tcpLiberality: log(.notice, "net.netfilter.nf_conntrack_tcp_be_liberal changed")
            }
        }
        if !look.changedFacts.isEmpty { replan(at: now) }
        guard look.isForDrift, look.otherName != otherName else { return }
        otherName = look.otherName
        guard let otherName else { return }
        log(
            .warning,
            "The host has another name, which counts from the next start on",
            ["host": otherName, "node": nodeName]
        )
    }

    /// Reads the kernel again where something has changed there or could not be looked at: a failure that lasts is
    /// reported once, and answered more and more rarely.
    private mutating func noteProblems(_ look: Look, at now: Instant) {
        var wantsPass = look.hasDrifted
        if look.isForDrift {
            let dueWork = dueWorkProblem.note(look.dueWorkError, at: now)
            let drift = driftProblem.note(look.driftError, at: now)
            let addresses = addressesProblem.note(look.addressesError, at: now)
            for line in [dueWork.line, drift.line, addresses.line] {
                if let line { turn.lines.append(line) }
            }
            if dueWork.isDue || drift.isDue { wantsPass = true }
        }
        if wantsPass { scheduler.request(at: now, full: true) }
        if look.isUnlocked { scheduler.retryNow(at: now) }
        // A run without any means that they are over.
        if look.flowProblems.isEmpty, !look.flowRuns.isEmpty { flowProblems = [] }
        for problem in look.flowProblems {
            let isForGood = problem.error.kind == .unsupported
            let message =
                switch (problem.isOfSockets, isForGood) {
                case (false, true): "Cannot delete stale conntrack entries on this kernel"
                case (false, false): "Failed to delete stale conntrack entries, will retry"
                case (true, true): "Cannot end all UDP sockets whose endpoint is gone"
                case (true, false): "Failed to end UDP sockets whose endpoint is gone, will retry"
                }
            guard flowProblems.insert("\(message)\(problem.error)").inserted else { continue }
            log(.warning, message, ["error": "\(problem.error)"])
        }
    }

    /// Manifests are on the same host, so a longer silence is a fault.
    private static let filesStaleAfter = Duration.seconds(10)

    private mutating func noteSources(_ look: Look) {
        turn.signs = []
        if pipeline.missing.contains(.files) {
            turn.sourceIssues = [filesProblem].compactMap(\.self)
        }
        if let files = look.files {
            turn.signs.append(
                Turn.SourceSign(
                    name: "files",
                    heard: files.lastLook ?? start,
                    staleAfter: Self.filesStaleAfter
                )
            )
        }
        guard let followed = look.cluster else { return }
        received = followed.state?.receivedText
        turn.stateIssues = [followed.memoryProblem].compactMap(\.self)
        turn.cluster = Turn.Cluster(
            look: followed,
            isFromMemory: cluster?.isFromMemory ?? false
        )
        let limit = configuration.sources.kubernetes?.staleAfter ?? .zero
        turn.signs.append(
            Turn.SourceSign(
                name: "cluster",
                heard: followed.state?.lastSign ?? start,
                staleAfter: limit == .zero ? nil : limit,
                problem: followed.state?.circling
            )
        )
    }

    mutating func passed(_ report: PassReport, at now: Instant) {
        scheduler.completed(
            report.kind,
            at: now,
            work: report.work,
            outcome: report.outcome,
            isGivenUp: report.isGivenUp
        )
        turn.pass = report
        turn.passed = passing
        notify(manager.passed(report.line))
    }
}

extension PassReport {
    /// For the service manager.
    fileprivate var line: String {
        if let error = errors.first { return "failing: \(error)" }
        let done = "\(counted(services, "Service")), last pass \(duration.milliseconds) ms"
        return failures.first.map { "\(done), not all changed: \($0)" } ?? done
    }
}

extension Duration {
    /// Whole ones.
    package var milliseconds: Int64 { Int64(self / .milliseconds(1)) }
}
