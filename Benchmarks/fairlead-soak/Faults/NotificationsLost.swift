import NamespaceLab
import SoakJudging
import TestSupport

/// The daemon stands still while other programs change more than the kernel's notifications of it
/// have room for.
struct NotificationsLost: SoakFault {
    let name = "notifications lost"
    // A daemon that stands still asks the server nothing, whatever that would answer.
    let touches: Set<Touched> = [.process, .server]
    let lasts: ClosedRange<Double>? = 0.5...2
    private(set) var miss: String?

    mutating func begin(_ node: SoakNode, _: inout SplitMix64) throws {
        let before = try Self.drops(node)
        node.daemon.freeze()
        do {
            // In mode ipvs nothing listens to nftables.
            if node.mode != .ipvs { try changeTables(node) }
            try changeAddresses(node)
            if try Self.drops(node) <= before { miss = "the kernel has dropped none" }
        } catch {
            end(node)
            throw error
        }
    }

    /// Notifications that the kernel has dropped in the node's namespace.
    private static func drops(_ node: SoakNode) throws -> Int {
        // sk Eth Pid Groups Rmem Wmem Dump Locks Drops Inode
        try node.run("cat", "/proc/net/netlink").split(separator: "\n").dropFirst()
            .reduce(0) { $0 + (Int($1.split(separator: " ")[8]) ?? 0) }
    }

    private func changeTables(_ node: SoakNode) throws {
        let elements = (0..<16_000).map { "10.\($0 >> 16 & 255).\($0 >> 8 & 255).\($0 & 255)" }
            .joined(separator: ", ")
        let commands = (0..<6).map { round in
            """
            add table ip flood\(round)
            add set ip flood\(round) addresses { type ipv4_addr; elements = { \(elements) }; }
            delete table ip flood\(round)
            """
        }
        let writer = try node.start("nft", "-f", "-")
        try writer.writeLine(commands.joined(separator: "\n"))
        writer.closeInput()
        let (output, status) = try writer.finish(Deadline(in: .seconds(60)))
        guard status == 0 else { throw SoakFailure("nft: \(output.prefix(500))") }
    }

    /// Addresses and links have a socket of their own. The address has the scope of the host: else the node's own
    /// connections could take it as their source, and fail as it goes.
    private func changeAddresses(_ node: SoakNode) throws {
        try node.run(
            "sh",
            "-c",
            """
            for round in $(seq 3000); do
                echo "address add 203.0.113.9/32 dev lo scope host"
                echo "address delete 203.0.113.9/32 dev lo"
            done | ip -batch -
            """
        )
    }

    func end(_ node: SoakNode) { node.daemon.thaw() }
}
