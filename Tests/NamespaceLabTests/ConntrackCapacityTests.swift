import LabCluster
import NamespaceLab
import Testing

@Suite("Room in connection tracking")
struct ConntrackCapacityTests {
    @Test("A table of a machine with 1 GB is too small for two nodes and a tunnel")
    func tunnel() throws {
        let room = ConntrackCapacity(limit: 8192, used: [1: 10, 2: 0])
        let warning = try #require(room.warning(before: 5616, in: .vxlan))
        #expect(
            warning == """
                note: node1 has 10 of at most 8192 conntrack entries, and this check makes up to 11232 more.
                  From 95 % on the kernel drops entries of connections that are being opened, and those are reset or time out.
                  sysctl -w net.netfilter.nf_conntrack_max=16384

                """
        )
        #expect(room.warning(before: 5616, in: .bridge) == nil)
    }

    @Test("The kernel's threshold of 95 % counts, and what the fullest node has")
    func threshold() {
        // 8192 / 100 * 95 in whole numbers.
        #expect(
            ConntrackCapacity(limit: 8192, used: [1: 0]).warning(before: 7695, in: .bridge) == nil
        )
        #expect(
            ConntrackCapacity(limit: 8192, used: [1: 0]).warning(before: 7696, in: .bridge) != nil
        )
        let room = ConntrackCapacity(limit: 65536, used: [1: 100, 2: 62_000])
        #expect(
            room.warning(before: 300, in: .routed)?.hasPrefix("note: node2 has 62000 of") == true
        )
        #expect(room.warning(before: 100, in: .routed) == nil)
    }

    @Test("Zero means no limit")
    func unlimited() {
        #expect(
            ConntrackCapacity(limit: 0, used: [1: 9]).warning(before: 1 << 20, in: .vxlan) == nil
        )
    }
}
