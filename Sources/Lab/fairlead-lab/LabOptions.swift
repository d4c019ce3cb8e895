import ArgumentParser
import DaemonConfiguration
import Glibc
import LabCluster
import NamespaceLab

/// Which lab.
struct LabNameArgument: ParsableArguments {
    @Argument(help: "The lab's name: 1 to 12 of a-z and 0-9.")
    var name = LabShape.defaultName

    func cluster() throws -> LabCluster { try LabCluster.named(name) }
}

/// Which lab, for commands whose arguments are something else.
struct LabNameOption: ParsableArguments {
    @Option(help: "The lab's name.")
    var lab = LabShape.defaultName

    func cluster() throws -> LabCluster { try LabCluster.named(lab) }
}

extension LabCluster {
    /// A lab that is up.
    fileprivate static func named(_ name: String) throws -> LabCluster {
        try LabCluster(LabHome.find(name))
    }

    /// The namespace of a member: `node1`, `pod1`, `client`.
    func namespace(of name: String) throws -> String { shape.namespace(try member(name)) }

    /// `member`, if it is in this lab.
    func member(_ member: String) throws -> String {
        guard shape.members.contains(member) else {
            throw LabError(
                "\(member): is not in lab \(shape.name), which has \(shape.members.joined(separator: " "))"
            )
        }
        return member
    }
}

/// Which daemon.
struct FairleadOption: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The program fairlead, if not that beside this one or the first in PATH.",
            valueName: "file"
        )
    )
    var fairlead: String?

    /// An absolute path: the daemons' working directory is their own.
    func path() throws -> String {
        if let fairlead {
            guard let path = realpath(fairlead, nil) else {
                throw LabError("--fairlead: \(fairlead): \(String(cString: strerror(errno)))")
            }
            defer { free(path) }
            return String(cString: path)
        }
        guard let path = BuiltProgram.findFairlead() else {
            throw LabError(
                "fairlead is neither beside \(BuiltProgram.own) nor in PATH; name it with --fairlead"
            )
        }
        return path
    }
}

extension LabShape.Topology: ExpressibleByArgument {}

extension DaemonConfiguration.Mode: ExpressibleByArgument {}

/// The families of a lab on the command line.
enum LabFamilies: String, ExpressibleByArgument, CaseIterable {
    case ipv4
    case ipv6
    case dual
}
