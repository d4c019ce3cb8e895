import Glibc
import NamespaceLab
import TestSupport

/// The daemon stands still while other programs change more than the kernel's notifications of it
/// have room for.
struct NotificationsLost: SoakFault {
    let name = "notifications lost"
    let touches: Set<Touched> = [.process]
    let lasts: ClosedRange<Double>? = 0.5...2
    private var process: Int32 = 0

    mutating func begin(_ node: SoakNode, _: inout SplitMix64) throws {
        process = node.daemon.pid
        kill(process, SIGSTOP)
        do {
            // In mode ipvs nothing listens to nftables.
            if node.mode != .ipvs { try changeTables(node) }
            try changeAddresses(node)
        } catch {
            end(node)
            throw error
        }
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

    /// Addresses and links have a socket of their own.
    private func changeAddresses(_ node: SoakNode) throws {
        try node.run(
            "sh",
            "-c",
            """
            for round in $(seq 300); do
                echo "address add 203.0.113.9/32 dev lo"
                echo "address delete 203.0.113.9/32 dev lo"
            done | ip -batch -
            """
        )
    }

    func end(_: SoakNode) { kill(process, SIGCONT) }
}
