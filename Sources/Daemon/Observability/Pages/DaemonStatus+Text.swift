import PrintableText

extension DaemonStatus {
    /// One screen of text.
    package var text: String {
        var lines = [
            "fairlead \(version), mode \(mode), process \(pid), up \(Self.age(uptimeSeconds))"
        ]
        lines.append(Self.line("node", node + (zone.map { ", zone \($0)" } ?? "")))
        lines.append(Self.line("health", healthWords))
        for source in sources {
            lines.append(Self.line("source", Self.words(source)))
            if let following = source.following { lines += Self.lines(following) }
        }
        if let healthChecks { lines += Self.lines(healthChecks) }
        for family in families {
            let counts = [
                counted(family.services, "Service"), counted(family.ports, "port"),
                counted(family.endpoints, "endpoint"),
            ]
            lines.append(Self.line(family.family, counts.joined(separator: ", ")))
        }
        for level in socketLevel { lines += Self.lines(level) }
        lines.append(Self.line("last pass", lastPass.map(Self.words) ?? "none yet"))
        lines.append(Self.line("passes", "\(passes), \(failedPasses) failed"))
        let drift =
            driftRepaired == 0
            ? "none seen"
            : "\(counted(driftRepaired, "object")) put back, last \(Self.age(driftSecondsAgo ?? 0)) ago"
        lines.append(Self.line("drift", drift))
        lines.append(Self.line("issues", issueCount == 0 ? "none" : "\(issueCount)"))
        for issue in issues.prefix(Self.shownIssues) {
            lines.append("  \(issue.kind): \(issue.problem)")
        }
        if issueCount > Self.shownIssues {
            lines.append("  and \(issueCount - Self.shownIssues) more; --output json shows more")
        }
        return lines.map { printable($0, limit: .max) }.joined(separator: "\n") + "\n"
    }

    private static let shownIssues = 10

    private var healthWords: String {
        var words = health.healthy ? ["fine"] : health.problems
        if !health.nodeEligible { words.append("the node takes no traffic from load balancers") }
        return words.joined(separator: "; ")
    }

    private static func words(_ source: Source) -> String {
        var words = [source.name]
        if let seconds = source.changedSecondsAgo { words.append("changed \(age(seconds)) ago") }
        if let seconds = source.silentSeconds { words.append("heard \(age(seconds)) ago") }
        if source.stale { words.append("STALE") }
        if source.following?.fromMemory == true { words.append("FROM MEMORY of an earlier run") }
        return words.joined(separator: ", ")
    }

    private static func lines(_ following: Following) -> [String] {
        var lines = following.problem.map { ["  \($0)"] } ?? []
        for resource in following.resources {
            var words = [resource.phase]
            if let server = resource.server { words.append(server) }
            if let seconds = resource.heardSecondsAgo { words.append("heard \(age(seconds)) ago") }
            words.append(counted(resource.lists, "list"))
            if resource.circling {
                words.append(
                    "NO WATCH WORKS, \(counted(resource.listsWithoutWatch, "list")) without one"
                )
            }
            if resource.failures > 0 { words.append(counted(resource.failures, "failure")) }
            if let error = resource.lastError { words.append("last error: \(error)") }
            lines.append("  \(resource.name): \(words.joined(separator: ", "))")
        }
        return lines
    }

    private static func lines(_ checks: HealthChecks) -> [String] {
        var words = [counted(checks.targets, "target"), "\(checks.unhealthy) unhealthy"]
        if checks.unknown > 0 { words.append("\(checks.unknown) not known yet") }
        let panics = checks.withoutHealthyEndpoint
        if !panics.isEmpty {
            words.append("\(counted(panics.count, "port")) without a healthy endpoint")
        }
        if checks.lagSeconds >= 1 { words.append("\(age(checks.lagSeconds)) behind") }
        var lines = [line("checks", words.joined(separator: ", "))]
        lines += panics.prefix(shownIssues).map { "  no healthy endpoint: \($0)" }
        if panics.count > shownIssues {
            lines.append("  and \(panics.count - shownIssues) more")
        }
        return lines
    }

    private static func lines(_ level: Sockets) -> [String] {
        let attached =
            level.attached.isEmpty ? "NOTHING ATTACHED" : level.attached.joined(separator: " ")
        let maps = level.maps.map { "\($0.name) \($0.entries) of \($0.capacity)" }
        return [
            line("sockets", "\(level.family), \(level.scope): \(attached) at \(level.cgroup)"),
            "  \(maps.isEmpty ? "no maps" : maps.joined(separator: ", "))",
        ]
            + (level.excludedCgroups > 0
                ? ["  left out: \(counted(level.excludedCgroups, "cgroup"))"] : [])
            + lacks(level) + level.foreign.map { "  also there: \($0)" }
            + [level.failure].compactMap(\.self).map { "  not all is known: \($0)" }
    }

    private static func lacks(_ level: Sockets) -> [String] {
        let counts = [
            ("memory", level.overflows.memory), ("flows", level.overflows.flows),
            ("udp_sockets", level.overflows.udpSockets),
        ]
        let words = counts.filter { $0.1 > 0 }.map { "\($0.0) \($0.1)" }
        return words.isEmpty
            ? [] : ["  left to the rules for lack of room: \(words.joined(separator: ", "))"]
    }

    private static func words(_ pass: Pass) -> String {
        let milliseconds = Int((pass.seconds * 1000).rounded())
        let end = pass.succeeded ? "" : ", FAILED"
        return "\(age(pass.secondsAgo)) ago, \(pass.kind), \(milliseconds) ms, "
            + "\(counted(pass.changedServices, "Service")) changed, "
            + "\(counted(pass.operations, "operation"))\(end)"
    }

    /// A heading and its text in a second column.
    private static func line(_ word: String, _ text: String) -> String {
        word + String(repeating: " ", count: max(1, 11 - word.count)) + text
    }

    /// The two largest units: `3d4h`, `12m5s`.
    static func age(_ seconds: Double) -> String {
        let total = Int(max(0, seconds))
        let parts = [
            (total / 86400, "d"), (total / 3600 % 24, "h"), (total / 60 % 60, "m"),
            (total % 60, "s"),
        ]
        let shown = parts.drop { $0.0 == 0 }.prefix(2)
        return shown.isEmpty ? "0s" : shown.map { "\($0.0)\($0.1)" }.joined()
    }
}
