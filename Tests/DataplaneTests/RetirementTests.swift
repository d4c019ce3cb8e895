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

    @Test("What appears after nothing was left goes once it is looked for again")
    func again() {
        let objects = GrowingLeftovers()
        var retirement = Retirement(objects)
        #expect(retirement.proceed(presentStands: true) == 1)
        objects.count = 2
        #expect(retirement.proceed(presentStands: true) == 0)
        #expect(retirement.proceed(presentStands: false, again: true) == 0)
        #expect(retirement.leftovers?.counts == [.chain: 2])
        #expect(retirement.proceed(presentStands: true, again: true) == 2)
        #expect(retirement.leftovers == nil)
        #expect(retirement.proceed(presentStands: true, again: true) == 0)
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

/// Some chains, which others add to.
private final class GrowingLeftovers: ModeLeftovers {
    var count = 1
    var family: IPFamily { .ipv4 }

    func find() throws(DataplaneError) -> [ObjectDifference] {
        (0..<count).map {
            ObjectDifference(kind: .chain, name: "x\($0)", state: .unexpected, owner: .otherMode)
        }
    }

    func retire() throws(DataplaneError) -> ApplyReport {
        defer { count = 0 }
        return ApplyReport(operations: count)
    }

    func performDueWork() throws(DataplaneError) {}
}
