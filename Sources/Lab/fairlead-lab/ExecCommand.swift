import ArgumentParser
import Glibc
import LabCluster
import NamespaceLab

struct ExecCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "exec",
        abstract: "Run a program as a node, a pod or the client.",
        discussion: "  fairlead-lab exec pod1 ip address"
    )

    @OptionGroup var lab: LabNameOption

    @Argument(help: "node1, pod1 … or client.")
    var member: String

    @Argument(parsing: .captureForPassthrough, help: "The program and its arguments.")
    var command: [String]

    func validate() throws {
        if command.isEmpty { throw ValidationError("name the program to run") }
    }

    /// Becomes the program, so that signals and the terminal are its own.
    func run() throws {
        let namespace = try lab.cluster().namespace(of: member)
        let program = command.first == "--" ? Array(command.dropFirst()) : command
        var words = (["ip", "netns", "exec", namespace] + program).map { strdup($0) }
        words.append(nil)
        execvp("ip", words)
        throw LabError("ip: \(String(cString: strerror(errno))); install iproute2")
    }
}
