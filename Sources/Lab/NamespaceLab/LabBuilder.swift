import Glibc

/// Runs a lab's plan, and takes a lab away by its name alone.
package enum LabBuilder {
    private static let directory = "/run/netns"

    /// Runs the steps in order, as few programs as they allow. Needs root.
    package static func build(_ shape: LabShape) throws(LabError) {
        let plan = plan(shape)
        var batch: ArraySlice<LabStep> = []
        for step in plan.steps {
            if let last = batch.last, last.tool == step.tool, last.namespace == step.namespace {
                batch.append(step)
            } else {
                try run(batch)
                batch = [step]
            }
        }
        try run(batch)
    }

    /// The plan for a shape on this host.
    package static func plan(_ shape: LabShape) -> LabPlan {
        unsafe LabPlan(shape, loadsBridgeNetfilter: access("/proc/sys/net/bridge", F_OK) != 0)
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

    // MARK: - Taking away

    /// The namespaces of a lab that are there, whatever became of the lab, by name.
    package static func namespaces(of name: String) -> [String] {
        let prefix = LabShape.prefix(name)
        return files(directory).filter { $0.hasPrefix(prefix) }.sorted()
    }

    /// Names of all labs of which something is there.
    package static func labs() -> [String] {
        let names = files(directory).compactMap { file -> String? in
            let words = file.split(separator: "-", maxSplits: 2, omittingEmptySubsequences: false)
            guard words.count == 3, words[0] == "fl" else { return nil }
            let name = String(words[1])
            return (try? LabShape.check(name: name)) == nil ? nil : name
        }
        return Set(names).sorted()
    }

    /// Ends what runs in a lab's namespaces and removes them, all their links with them. Returns
    /// what was there.
    @discardableResult
    package static func remove(_ name: String) throws(LabError) -> [String] {
        let found = namespaces(of: name)
        guard !found.isEmpty else { return [] }
        LabResidents(found).end()
        try LabCommand.run(["ip", "-batch", "-"], input: found.map { "netns delete \($0)" })
        return found
    }

    static func files(_ directory: String) -> [String] {
        guard let stream = unsafe opendir(directory) else { return [] }
        defer { unsafe closedir(stream) }
        var names: [String] = []
        while let entry = unsafe readdir(stream) {
            let name = unsafe withUnsafeBytes(of: entry.pointee.d_name) { bytes in
                unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }
}
