import Addressing
import ArgumentParser
import DaemonConfiguration
import LabCluster
import NamespaceLab
import SystemCalls

struct UpCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "up",
        abstract: "Build a lab: nodes, pods with servers, a client outside.",
        discussion: """
            Topologies: bridge has a bridge on each node and routes between the nodes; routed has \
            a route for each pod and no bridge; vxlan has bridges and a tunnel between the nodes. \
            Pods answer on 8080/tcp and 5353/udp with their name and the client's address. \
            Replaces a lab of the same name.
            """
    )

    @OptionGroup var lab: LabNameArgument

    @Option(help: "bridge, routed or vxlan.")
    var topology = LabShape.Topology.bridge

    @Option(help: "How many nodes, 1 to \(LabShape.nodeLimit).")
    var nodes = 1

    @Option(help: "How many pods on each node, 1 to \(LabShape.podLimit).")
    var pods = 3

    @Option(help: "ipv4, ipv6 or dual.")
    var family = LabFamilies.dual

    @Option(help: "Start a Fairlead on each node in this mode; see fairlead-lab proxy.")
    var mode: DaemonConfiguration.Mode?

    @OptionGroup var program: FairleadOption

    @Flag(help: "Print the commands with a reason for each, without running them.")
    var explain = false

    private var families: [IPFamily] {
        switch family {
        case .ipv4: [.ipv4]
        case .ipv6: [.ipv6]
        case .dual: IPFamily.allCases
        }
    }

    func validate() throws {
        if mode == nil, program.fairlead != nil {
            throw ValidationError("--fairlead: without --mode no proxy is started")
        }
    }

    func run() throws {
        let shape = try LabShape(
            name: lab.name,
            topology: topology,
            nodes: nodes,
            podsPerNode: pods,
            families: families
        )
        if explain {
            print(LabExplanation(plan: LabBuilder.plan(shape)), terminator: "")
            return
        }
        // Before anything is built.
        let fairlead = mode == nil ? nil : try program.path()
        let line = ProgressLine()
        let cluster = try LabCluster.up(shape, progress: line.show)
        if let mode, let fairlead {
            try cluster.startProxies(
                fairlead: fairlead,
                mode: mode.rawValue,
                progress: line.show
            )
        }
        line.clear()
        print(LabOverview(cluster: cluster), terminator: "")
    }
}

/// A plan as a script with comments.
struct LabExplanation: CustomStringConvertible {
    let plan: LabPlan

    var description: String {
        var text = ""
        var why = ""
        for step in plan.steps {
            if step.why != why { text += "\(text.isEmpty ? "" : "\n")# \(step.why)\n" }
            why = step.why
            text += step.command + "\n"
        }
        return text
    }
}
