import ArgumentParser
import LabCluster
import NamespaceLab
import SystemCalls

struct CheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Check a lab's network and every kind of Service with real packets.",
        discussion: """
            First the Kubernetes network model: pods and nodes reach all pods, and are seen with \
            their own addresses. Then, where proxies run, every frontend with every traffic policy \
            from every kind of client, and once more from pods and nodes with the socket level \
            switched on, in cgroups of the lab. A mismatch is shown with the trace of the node's \
            rules. Exit code 1 if there is one.
            """
    )

    @OptionGroup var lab: LabNameArgument

    @Option(help: "Multiply time limits, for slow machines.")
    var patience = 1

    @Flag(help: "Leave the socket level out, as on a kernel without cgroup v2 or BPF.")
    var withoutSocketLevel = false

    func validate() throws {
        guard (1...20).contains(patience) else { throw ValidationError("--patience: 1 to 20") }
    }

    func run() throws {
        let cluster = try lab.cluster()
        let line = ProgressLine()
        let check = LabCheck(cluster, patience: patience) { text in
            if let text { line.show(text) } else { line.clear() }
        }
        var isGood = try check.checkNetwork()
        if cluster.hasProxies {
            if try !check.checkServices() { isGood = false }
            if !withoutSocketLevel, try !check.checkSocketLevel() { isGood = false }
        } else {
            print("Services: no proxy runs; start them with fairlead-lab proxy \(lab.name)")
        }
        if !isGood { throw ExitCode(1) }
    }
}
