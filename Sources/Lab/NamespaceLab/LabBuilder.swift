import Foundation

/// Runs a lab's plan, and removes a lab by its name alone.
package enum LabBuilder {
    private static let directory = "/run/netns"

    /// Runs the steps in order, with as few programs as possible, and reports how many are done. Needs
    /// root. Throws if one fails.
    package static func build(
        _ shape: LabShape,
        progress: (String) -> Void = { _ in }
    ) throws(LabError) {
        let plan = plan(shape)
        var batch: ArraySlice<LabStep> = []
        for (done, step) in plan.steps.enumerated() {
            if let last = batch.last, last.tool == step.tool, last.namespace == step.namespace {
                batch.append(step)
            } else {
                try run(batch)
                progress("building the network: \(done) of \(plan.steps.count) steps")
                batch = [step]
            }
        }
        try run(batch)
    }

    /// The plan for a shape on this host.
    package static func plan(_ shape: LabShape) -> LabPlan {
        let isLoaded = FileManager.default.fileExists(atPath: "/proc/sys/net/bridge")
        return LabPlan(shape, loadsBridgeNetfilter: !isLoaded)
    }

    private static func run(_ steps: ArraySlice<LabStep>) throws(LabError) {
        guard let first = steps.first else { return }
        switch first.tool {
        case .ip, .bridge:
            let namespace = first.namespace.map { ["-n", $0] } ?? []
            try LabCommand.run(
                [first.tool.rawValue] + namespace + ["-batch", "-"],
                input: steps.map(\.words)
            )
        case .sysctl, .modprobe:
            for step in steps {
                let words = step.command.split(separator: " ").map(String.init)
                try LabCommand.run(words)
            }
        }
    }

    // MARK: - Removing

    /// The existing namespaces of a lab, complete or not, by name.
    package static func namespaces(of name: String) -> [String] {
        let prefix = LabShape.prefix(name)
        return files(directory).filter { $0.hasPrefix(prefix) }.sorted()
    }

    /// Names of all labs with a namespace.
    package static func labs() -> [String] {
        let names = files(directory).compactMap { file -> String? in
            let words = file.split(separator: "-", maxSplits: 2, omittingEmptySubsequences: false)
            guard words.count == 3, words[0] == "fl" else { return nil }
            let name = String(words[1])
            return (try? LabShape.check(name: name)) == nil ? nil : name
        }
        return Set(names).sorted()
    }

    /// Ends all processes in a lab's namespaces, removes the namespaces with their links, and returns
    /// their names. Throws if `ip` fails.
    @discardableResult
    package static func remove(_ name: String) throws(LabError) -> [String] {
        let found = namespaces(of: name)
        guard !found.isEmpty else { return [] }
        NamespaceProcesses(found).end()
        try LabCommand.run(["ip", "-batch", "-"], input: found.map { "netns delete \($0)" })
        return found
    }

    static func files(_ directory: String) -> [String] {
        (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
    }
}
