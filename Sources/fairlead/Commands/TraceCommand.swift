import Addressing
import ArgumentParser
import DaemonConfiguration
import Dataplane
import DataplaneModel
import HostChecks
import InstalledModes
import PacketTracing
import Planning
import ProxyModes
import Running
import ServiceModel
import ServiceSources
import SocketLB

struct TraceCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "trace",
        abstract: "Show where a new connection would go, rule by rule, and why.",
        discussion: """
            Evaluates the plan, or with --kernel the rules now in the kernel. Sends nothing.

              fairlead trace --from 10.244.1.7 --to 10.96.0.10:80/tcp
              fairlead trace --from 203.0.113.9 --to '[fd00:96::10]:53/udp' --kernel
              fairlead trace --from 10.244.1.7 --to 10.96.0.10/icmp

            With the socket level on, what it does at connect() comes first.
            """
    )

    @OptionGroup var options: ConfigurationOptions

    @Option(help: "Client address; one of the node's own means a client on the node.")
    var from: String

    @Option(
        help: "Destination: 10.96.0.10:80/tcp, [fd00::1]:53/udp or 10.96.0.10/icmp."
    )
    var to: String

    @Option(help: "Input interface, for interface-based detectLocal modes.")
    var via: String?

    @Flag(
        help:
            "The client is a pod of this node, for the socket level where detectLocal does not say which clients are."
    )
    var pod = false

    @Flag(help: "Trace the rules in the kernel (needs root) instead of the plan.")
    var kernel = false

    @Option(
        help:
            "Use this node address instead of those on the interfaces; the first of a family is the primary one. Can be repeated."
    )
    var local: [String] = []

    @Flag(name: .shortAndLong, help: "Also show rules that did not match.")
    var verbose = false

    @Option(name: .shortAndLong, help: "text or json.")
    var output = OutputFormat.text

    func validate() throws {
        _ = try packet()
        _ = try locals()
    }

    func run() throws {
        let packet = try packet()
        let locals = try locals()
        var configuration = try options.loadWithMode()
        configuration.families = [packet.family]
        guard !pod || configuration.socketLB.scope == .all else {
            throw ValidationError(
                "--pod: the socket level serves no pods, as socketLB.scope is not all"
            )
        }
        var trace = try withAdvice {
            try tracer(configuration.chosenMode.installed, configuration, packet.family, locals)
        }
        .trace(packet, detail: verbose ? .everything : .matches)
        if kernel { trace.notes += Self.neighbours(of: packet, locals) }
        switch output {
        case .text: StandardOutput.print(TraceReport(trace, isComplete: verbose), terminator: "")
        case .json: try OutputFormat.printJSON(TraceDocument(trace))
        }
        if !kernel { RunningDaemon.complainOfKept(configuration) }
    }

    /// What other programs' rules do to the packet before Fairlead's rules, or instead of them.
    private static func neighbours(of packet: TracedPacket, _ locals: [IPAddress]) -> [String] {
        var findings = KernelCapabilities.panics([packet.family], .fairlead)
        let own = locals.isEmpty ? NodeFacts.observe().localAddresses : locals
        if case .port(let socket, let transport) = packet.destination, own.contains(socket.address)
        {
            findings += KernelCapabilities.interceptions(
                [packet.family],
                [.init(transport, socket.port.value, owner: "this node")],
                .fairlead
            )
        }
        return findings.map { "\($0.subject): \($0.detail)" }
    }

    private func locals() throws -> [IPAddress] {
        try local.map { try Self.address($0, of: "local") }
    }

    private static func address(_ text: String, of option: String) throws -> IPAddress {
        guard let address = IPAddress(text) else {
            throw ValidationError("--\(option): \(text) is not an IP address")
        }
        return address
    }

    private func packet() throws -> TracedPacket {
        let source = try Self.address(from, of: "from")
        guard let destination = PacketDestination(to) else {
            throw ValidationError(
                "--to: \(to) is not of the form 10.96.0.10:80/tcp, [fd00::1]:53/udp or 10.96.0.10/icmp"
            )
        }
        let family = destination.address.family
        guard source.family == family else {
            throw ValidationError(
                "--from: \(from) is \(source.family.rawValue), and --to: \(to) is \(family.rawValue)"
            )
        }
        guard options.family.map({ $0.family == family }) ?? true else {
            throw ValidationError("--family: the packet's addresses are \(family.rawValue)")
        }
        return TracedPacket(from: source, via: via, to: destination)
    }

    /// A tracer for the kernel's state or the plan; `locals`, if any, replace the node's addresses.
    private func tracer<Mode: InstalledMode>(
        _ mode: Mode.Type,
        _ configuration: DaemonConfiguration,
        _ family: IPFamily,
        _ locals: [IPAddress]
    ) throws -> any FlowTracer {
        let state: Mode.ModePlanner.State
        var planner: Mode.ModePlanner?
        var facts: NodeFacts
        var update: SnapshotUpdate?
        if kernel {
            let kernel = try Kernel(configuration)
            state = try mode.store(family, kernel).observe().state
            facts = NodeFacts.observe()
            facts.standIn(locals)
        } else {
            let sources = try LoadedSources.complaining(configuration)
            facts = sources.facts(in: configuration)
            facts.standIn(locals)
            let settings = PlannerSettings(configuration, facts: facts)
            let plan = PlannedFamily(mode, family, settings, sources.update)
            update = sources.update
            planner = plan.planner
            state = plan.planner.plan
        }
        let network = NodeNetwork(localAddresses: Set(facts.localAddresses))
        let rules = mode.tracer(state, network: network, planner: planner)
        guard configuration.socketLB.scope != .off else { return rules }
        guard let sockets = try sockets(configuration, family, update, facts) else {
            return NotingTracer(rules, note: Self.detached)
        }
        let isForPods = configuration.socketLB.scope == .all
        return SocketLevel.tracer(
            sockets,
            rules: rules,
            network: network,
            settings: PlannerSettings(configuration, facts: facts),
            pods: !isForPods ? .none : pod ? .all : .recognized
        )
    }

    private static let detached =
        "the socket level is on, and its programs are not attached as they should be: fairlead verify says what is missing"

    /// The socket level in the kernel or as planned; nil where no program is attached that would look it up.
    private func sockets(
        _ configuration: DaemonConfiguration,
        _ family: IPFamily,
        _ update: SnapshotUpdate?,
        _ facts: NodeFacts
    ) throws -> SocketState? {
        guard let update else {
            let place = try SocketPlace(configuration.socketLB)
            let state = try SocketStore(family: family, place: place).observe().state
            return state.isAttached ? state : nil
        }
        return PlannedSockets.all(configuration, update, facts: facts).first?.planner.plan
    }
}

/// Adds a note to all traces.
private struct NotingTracer: FlowTracer {
    private let tracer: any FlowTracer
    private let note: String

    init(_ tracer: any FlowTracer, note: String) {
        self.tracer = tracer
        self.note = note
    }

    func trace(_ packet: TracedPacket, detail: TraceDetail) -> PacketTrace {
        var trace = tracer.trace(packet, detail: detail)
        trace.notes.append(note)
        return trace
    }
}

extension NodeFacts {
    /// Replaces the node's addresses, if `locals` has any; the first of a family is the primary one.
    fileprivate mutating func standIn(_ locals: [IPAddress]) {
        guard !locals.isEmpty else { return }
        localAddresses = locals
        primaryAddresses = IPFamily.allCases.compactMap { family in
            locals.first { $0.family == family }
        }
    }
}
