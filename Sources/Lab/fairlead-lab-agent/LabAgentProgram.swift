import ArgumentParser
import LabTraffic

/// The programs that run in the lab's namespaces: servers that say who they are and whom they see,
/// and clients that say what came of it.
@main
struct LabAgentProgram: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fairlead-lab-agent",
        abstract: "Servers and clients for the namespace lab.",
        subcommands: [
            ServeCommand.self, ConnectCommand.self, BatchCommand.self, HoldCommand.self,
            DemoCommand.self,
        ]
    )
}
