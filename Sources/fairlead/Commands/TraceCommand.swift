import Addressing
import ArgumentParser
import DaemonConfiguration
import Dataplane
import DataplaneModel
import InstalledModes
import LinuxKernel
import PacketTracing
import Planning
import ProxyModes
import ServiceSources

struct TraceCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "trace",
        abstract: "Show where a new connection would go, rule by rule, and why.",
        discussion: """
            Walks the plan made from the manifests, or with --kernel the rules that are in the \
            kernel now. Nothing is sent.

              fairlead trace --from 10.244.1.7 --to 10.96.0.10:80/tcp
              fairlead trace --from 203.0.113.9 --to '[fd00:96::10]:53/udp' --kernel
              fairlead trace --from 10.244.1.7 --to 10.96.0.10/icmp
            """
    )

    @OptionGroup var options: ConfigurationOptions

    @Option(help: "The client's address; one of the node's own for a client on the node.")
    var from: String

    @Option(
        help: "Address, port and protocol: 10.96.0.10:80/tcp, [fd00::1]:53/udp, 10.96.0.10/icmp."
    )
    var to: String

    @Option(help: "The interface the packet comes in on, for detectors by interface.")
    var via: String?

    @Flag(help: "Read the rules from the kernel (needs root) instead of planning them.")
    var kernel = false

    @Option(
        help:
            "An address of the node, in place of those on its interfaces, for the plan too; the first of a family is its primary one. Can be repeated."
    )
    var local: [String] = []

    @Flag(name: .shortAndLong, help: "Show rules that were tested and did not match, too.")
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
        var trace = try withAdvice {
            try tracer(configuration.chosenMode.installed, configuration, packet.family, locals)
        }
        .trace(packet, detail: verbose ? .everything : .matches)
        if kernel { trace.notes += Self.neighbours(of: packet, locals) }
        switch output {
        case .text: print(TraceReport(trace, isComplete: verbose), terminator: "")
        case .json: try OutputFormat.printJSON(TraceDocument(trace))
        }
    }

    /// What others' rules do to the packet before ours see it, or in their place.
    private static func neighbours(of packet: TracedPacket, _ locals: [IPAddress]) -> [String] {
        var findings = KernelCapabilities.panics([packet.family])
        let own = locals.isEmpty ? NodeFacts.observe().localAddresses : locals
        if case .port(let socket, let transport) = packet.destination, own.contains(socket.address)
        {
            findings += KernelCapabilities.interceptions(
                [packet.family],
                [.init(transport, socket.port.value, owner: "this node")],
                ownsChain: NameScheme.owns(chain:)
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
        return TracedPacket(from: source, via: via, to: destination)
    }

    /// Over the kernel's state or the plan; `locals` stand in for the node's addresses if given.
    private func tracer<Mode: InstalledMode>(
        _ mode: Mode.Type,
        _ configuration: DaemonConfiguration,
        _ family: IPFamily,
        _ locals: [IPAddress]
    ) throws -> any FlowTracer {
        let state: Mode.ModePlanner.State
        var planner: Mode.ModePlanner?
        var facts: NodeFacts
        if kernel {
            let kernel = try Kernel(configuration)
            state = try mode.store(family, kernel).observe().state
            facts = NodeFacts.observe()
            facts.standIn(locals)
        } else {
            let sources = try LoadedSources.complaining(configuration)
            facts = sources.facts()
            facts.standIn(locals)
            let settings = PlannerSettings(configuration, facts: facts)
            let plan = PlannedFamily(mode, family, settings, sources.update)
            planner = plan.planner
            state = plan.planner.plan
        }
        let network = NodeNetwork(localAddresses: Set(facts.localAddresses))
        return mode.tracer(state, network: network, planner: planner)
    }
}

extension NodeFacts {
    /// Takes these for the node's addresses, the first of each family for its primary one; none
    /// leaves all as it is.
    fileprivate mutating func standIn(_ locals: [IPAddress]) {
        guard !locals.isEmpty else { return }
        localAddresses = locals
        primaryAddresses = IPFamily.allCases.compactMap { family in
            locals.first { $0.family == family }
        }
    }
}
