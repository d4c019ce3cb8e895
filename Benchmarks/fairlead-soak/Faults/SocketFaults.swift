import NamespaceLab
import SoakJudging
import TestSupport

/// Another program detaches one of the programs of the socket level. The rules below it serve meanwhile.
struct ProgramsDetached: SoakFault {
    let name = "socket program detached"
    let touches: Set<Touched> = [.sockets]
    private(set) var miss: String?

    mutating func begin(_ node: SoakNode, _ random: inout SplitMix64) throws {
        guard let sockets = node.sockets else { throw SoakFailure("no socket level") }
        miss = try node.whileFrozen {
            let before = try sockets.attached()
            guard let pin = sockets.links.randomElement(using: &random) else {
                return "nothing is pinned"
            }
            try LabCommand.run(["bpftool", "link", "detach", "pinned", pin])
            let after = try sockets.attached()
            return after == before - 1 ? nil : "\(before) attached before it, \(after) after it"
        }
    }
}
