import ArgumentParser
import DaemonConfiguration
import LabCluster
import NamespaceLab
import SystemCalls

struct ProxyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "proxy",
        abstract: "Start a Fairlead on each node of a lab, or start them again in another mode.",
        discussion: """
            They follow the manifests in /run/fairlead-lab/NAME/services.d; node1's configuration \
            is node1.yaml beside it, its log node1.log.
            """
    )

    @OptionGroup var lab: LabNameArgument

    @Option(help: "auto, iptables, ipvs or nftables.")
    var mode = DaemonConfiguration.Mode.auto

    @OptionGroup var program: FairleadOption

    @Flag(help: "End them instead; their rules stay.")
    var stop = false

    func run() throws {
        let cluster = try lab.cluster()
        guard !stop else {
            cluster.stopProxies()
            return
        }
        let line = ProgressLine()
        try cluster.startProxies(
            fairlead: program.path(),
            mode: mode.rawValue,
            progress: line.show
        )
        line.clear()
        for node in cluster.shape.nodeNumbers {
            print("node\(node): fairlead run -c \(cluster.home.configuration(ofNode: node))")
        }
        print("Services: \(cluster.home.services)")
    }
}
