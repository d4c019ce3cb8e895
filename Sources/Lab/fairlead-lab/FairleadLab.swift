import ArgumentParser
import LabTraffic

/// A cluster of network namespaces, with a Fairlead on each node. The daemon is a program of its
/// own, which this one starts.
@main
struct FairleadLab: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fairlead-lab",
        abstract: "A small cluster of network namespaces, to see Services at work.",
        discussion: """
            Needs root and iproute2. Everything is in namespaces named fl-NAME-…; files are in \
            /run/fairlead-lab/NAME. Without a name the lab is called lab.

              fairlead-lab up --nodes 2 --topology vxlan --mode nftables
              fairlead-lab connect client 192.0.2.1:30080/tcp --count 100
              fairlead-lab check
              fairlead-lab down

            The nodes run the program fairlead that is in the same directory as fairlead-lab, else \
            the first in PATH; --fairlead names another.
            """,
        subcommands: [
            UpCommand.self, ShowCommand.self, ExecCommand.self, ConnectCommand.self,
            ProxyCommand.self, CheckCommand.self, DownCommand.self, DemoCommand.self,
            AgentCommand.self,
        ]
    )
}

/// The servers and clients that run in the lab's namespaces.
struct AgentCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "agent",
        abstract: "The servers and clients of a lab.",
        shouldDisplay: false,
        subcommands: [
            ServeCommand.self, LabTraffic.ConnectCommand.self, BatchCommand.self, HoldCommand.self,
            FlowCommand.self,
        ]
    )
}
