import Addressing
import ArgumentParser
import LabCluster
import NamespaceLab

struct ShowCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Show the nodes, pods and client of a lab with their addresses."
    )

    @OptionGroup var lab: LabNameArgument

    func run() throws {
        print(LabOverview(cluster: try lab.cluster()), terminator: "")
    }
}

/// A lab as a table of nodes and pods.
struct LabOverview: CustomStringConvertible {
    let cluster: LabCluster

    var description: String {
        let shape = cluster.shape
        let proxy = cluster.hasProxies ? "a Fairlead on each node" : "no proxy"
        var text = "lab \(shape.name): topology \(shape.topology.rawValue), \(proxy)\n"
        text += line("client", shape.families.map(LabAddresses.client))
        for node in shape.nodeNumbers {
            text += line("node\(node)", shape.families.map { LabAddresses.node($0, node) })
            for pod in shape.pods(onNode: node) {
                text += line("  \(pod.name)", shape.families.map(pod.address))
            }
        }
        return text
    }

    private func line(_ name: String, _ addresses: [String]) -> String {
        let cells = ([name] + addresses).enumerated().map { column, text in
            text + String(repeating: " ", count: max(0, (column == 0 ? 10 : 16) - text.count))
        }
        var line = "  " + cells.joined()
        while line.last == " " { line.removeLast() }
        return line + "\n"
    }
}
