import ArgumentParser
import LabTraffic

struct LabCommandGroup: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "lab",
        abstract: "A small cluster of network namespaces, to see Services at work.",
        discussion: """
            Needs root and iproute2. Everything is in namespaces named fl-NAME-…; files are in \
            /run/fairlead-lab/NAME. Without a name the lab is called lab.

              fairlead lab up --nodes 2 --topology vxlan --mode nftables
              fairlead lab connect client 192.0.2.1:30080/tcp --count 100
              fairlead lab check
              fairlead lab down
            """,
        subcommands: [
            LabUpCommand.self, LabShowCommand.self, LabExecCommand.self, LabConnectCommand.self,
            LabProxyCommand.self, LabCheckCommand.self, LabDownCommand.self,
            LabAgentCommands.self,
        ]
    )
}

/// What runs in the lab's namespaces.
struct LabAgentCommands: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "agent",
        abstract: "The servers and clients of a lab.",
        shouldDisplay: false,
        subcommands: [
            ServeCommand.self, ConnectCommand.self, BatchCommand.self, HoldCommand.self,
        ]
    )
}
