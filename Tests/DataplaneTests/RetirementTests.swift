import Addressing
import Dataplane
import DataplaneModel
import Planning
import Testing

@Suite("Objects of other modes")
struct RetirementTests {
    @Test("Leftovers are summed up by kind, and named where they are the only one")
    func leftovers() {
        func text(_ counts: [ObjectDifference.Kind: Int]) -> String? {
            var retirement = Retirement(ListedLeftovers(counts: counts))
            #expect(retirement.proceed(presentStands: false) == 0)
            return retirement.leftovers?.description
        }
        let reason = "needed until the mode in use has programmed IPv4"
        #expect(text([:]) == nil)
        #expect(text([.table: 1]) == "IPv4: table x0: \(reason)")
        #expect(text([.set: 1, .chain: 2]) == "IPv4: 2 × chain, set x0: \(reason)")
        #expect(
            text([.route: 1])
                == "IPv4: objects of another mode may be left: routes: dump failed: unknown error (errno 1)"
        )
    }
}

/// So many objects of each kind; routes cannot be listed.
private struct ListedLeftovers: ModeLeftovers {
    let counts: [ObjectDifference.Kind: Int]
    var family: IPFamily { .ipv4 }

    func find() throws(DataplaneError) -> [ObjectDifference] {
        if counts[.route] != nil {
            throw DataplaneError(kind: .other, operation: "dump", subject: "routes", errno: 1)
        }
        return counts.flatMap { kind, count in
            (0..<count).map {
                ObjectDifference(kind: kind, name: "x\($0)", state: .unexpected, owner: .otherMode)
            }
        }
    }

    func retire() throws(DataplaneError) -> ApplyReport { ApplyReport() }
    func performDueWork() throws(DataplaneError) {}
}
