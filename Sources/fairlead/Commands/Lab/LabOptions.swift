import ArgumentParser
import DaemonConfiguration
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
        try LabCluster(LabHome.find(name), fairlead: BuiltProgram.own)
    }

    /// The namespace of somebody as a person names them.
    func namespace(of name: String) throws -> String { shape.namespace(try member(name)) }

    /// `member`, if it is in this lab.
    func member(_ member: String) throws -> String {
        guard shape.members.contains(member) else {
            throw CommandFailure(
                "\(member): is not in lab \(shape.name), which has \(shape.members.joined(separator: " "))"
            )
        }
        return member
    }
}

extension LabShape.Topology: ExpressibleByArgument {}

/// The families of a lab on the command line.
enum LabFamilies: String, ExpressibleByArgument, CaseIterable {
    case ipv4
    case ipv6
    case dual
}
