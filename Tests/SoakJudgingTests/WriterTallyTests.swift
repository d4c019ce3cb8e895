import SoakJudging
import Testing

@Suite("Foreign writers")
struct WriterTallyTests {
    @Test("A writer that only fails is a miss, however much the others write")
    func failing() {
        var tally = WriterTally(["nft", "ipset"])
        tally.add("ipset")
        tally.add("nft Error: Could not process rule: Operation not supported")
        tally.add("ipset")
        #expect(!tally.isComplete)
        #expect(
            tally.miss
                == "nft has written nothing (Error: Could not process rule: Operation not supported)"
        )
        #expect(tally.text == "nft 0, ipset 2")
    }

    @Test("One that has not come to writing is a miss")
    func slow() {
        var tally = WriterTally(["iptables", "ipset"])
        tally.add("iptables")
        #expect(!tally.isComplete)
        #expect(tally.miss == "ipset has written nothing")
    }

    @Test("The lock of iptables, which another fault may hold all the time, is no miss")
    func lock() {
        var tally = WriterTally(["iptables", "ipset"])
        tally.add("iptables Another app is currently holding the xtables lock; still 4s left")
        tally.add("ipset")
        #expect(tally.isComplete)
        #expect(tally.miss == nil)
        #expect(tally.text == "iptables 0 (locked out: 1), ipset 1")
    }
}
