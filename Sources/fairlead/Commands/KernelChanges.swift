import Addressing
import DaemonConfiguration
import Dataplane
import DataplaneModel
import InstalledModes
import Planning
import PrintableText
import ProxyModes
import Running
import ServiceModel
import ServiceSources
import SystemCalls

/// What `fairlead plan --diff` shows: what a daemon would change in the kernel.
struct KernelChanges<Mode: InstalledMode> {
    private var rules: [(family: IPFamily, diff: Mode.ModePlanner.Diff)] = []
    /// Settings of the host, and what another mode left.
    private var others: [IPFamily: [ObjectDifference]] = [:]
    private var sockets: [(family: IPFamily, diff: SocketDiff)] = []
    /// Why the socket level could not be compared: the rules are, all the same.
    private(set) var failure: DataplaneError?

    /// Reads the kernel, and writes what keeps it busy to `line`.
    init(
        _ mode: Mode.Type,
        _ configuration: DaemonConfiguration,
        _ sources: LoadedSources,
        _ line: ProgressLine
    ) throws {
        try withAdvice {
            let kernel = try Kernel(configuration)
            let facts = sources.facts()
            var planned = configuration
            planned.families = try kernel.families()
            for plan in PlannedFamily.all(mode, planned, sources.update, facts: facts) {
                line.clear()
                plan.complainAboutIssues()
                line.show("reading the kernel's \(plan.family.rawValue) rules")
                defer { line.clear() }
                rules.append((plan.family, try plan.diff(kernel)))
                others[plan.family] = try plan.differencesBesideRules(kernel)
            }
            do throws(DataplaneError) {
                for (family, object) in try PlannedSockets.remains(configuration.socketLB) {
                    others[family, default: []].append(object)
                }
                for plan in PlannedSockets.all(planned, sources.update, facts: facts) {
                    sockets.append((plan.family, try plan.diff(planned)))
                }
            } catch {
                failure = error
            }
        }
    }

    var isEmpty: Bool {
        rules.allSatisfy(\.diff.isEmpty) && sockets.allSatisfy(\.diff.isEmpty)
            && besideRules.isEmpty
    }

    private var besideRules: [BesideRules] {
        IPFamily.allCases.compactMap { family in
            guard let objects = others[family], !objects.isEmpty else { return nil }
            return BesideRules(family, objects)
        }
    }

    /// One JSON document for each part.
    var documents: [AnyEncodable] {
        rules.map { AnyEncodable(Mode.Renderer(family: $0.family).document($0.diff)) }
            + sockets.map {
                AnyEncodable(SocketLevelDocument(SocketDiffDocument($0.diff, family: $0.family)))
            }
            + besideRules.map { AnyEncodable($0) }
    }
}

extension KernelChanges: CustomStringConvertible {
    /// In the format of the mode's own tools; what these do not write is a comment.
    var description: String {
        rules.map { Mode.changes($0.diff, $0.family) }.joined()
            + sockets.map { SocketLevel.changes($0.diff, $0.family) }.joined()
            + besideRules.map(\.description).joined()
    }
}

/// The socket level of a family among the documents of the modes: `{"socketLevel": {…}}`.
struct SocketLevelDocument<Content: Encodable>: Encodable {
    var socketLevel: Content

    init(_ content: Content) { socketLevel = content }
}

/// What would change beside rules and socket level: `{"besideRules": {"family": "IPv4", "objects": […]}}`.
private struct BesideRules: Encodable, CustomStringConvertible {
    struct Object: Encodable {
        var kind: String
        var object: String
        var state: String
    }

    struct Content: Encodable {
        var family: String
        var objects: [Object]
    }

    var besideRules: Content

    init(_ family: IPFamily, _ objects: [ObjectDifference]) {
        besideRules = Content(
            family: family.rawValue,
            objects: objects.map {
                Object(kind: $0.kind.rawValue, object: $0.name, state: $0.state.rawValue)
            }
        )
    }

    var description: String {
        let objects = besideRules.objects
        return "# \(besideRules.family), beside the rules: \(counted(objects.count, "change"))\n"
            + objects.map { "# \($0.state) \($0.kind): \($0.object)\n" }.joined()
    }
}
