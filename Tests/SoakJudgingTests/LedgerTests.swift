import SoakJudging
import Testing

/// Which connections count against the daemon.
@Suite("Ledger")
struct LedgerTests {
    /// One Service with two targets; its endpoint is pod1, and from 10 s on pod2.
    private var ledger = Ledger(targets: [["a:80/tcp", "a:53/udp"]])
    private var history = EndpointHistory([[1]])

    init() { history.set(0, to: [2], at: 10_000_000) }

    private func outcome(
        _ text: String,
        _ began: Int,
        answered: Int? = nil,
        ended: Int? = nil
    ) throws -> Outcome {
        let times = "\(began) \(answered ?? 0) \(ended ?? answered ?? began + 1000)"
        return try #require(Outcome("1 \(times) \(text)", client: "node"))
    }

    private mutating func answer(_ pod: Int, _ began: Int, after time: Int = 1000) throws -> Bool {
        ledger.judge(try outcome("pod\(pod) 10.0.0.1", began, answered: began + time), history)
            == nil
    }

    private func window(
        _ start: Int,
        _ end: Int,
        broken: Int? = nil,
        hindered: Int? = nil
    ) -> Ledger.Window {
        var window = Ledger.Window("flush", start: start)
        (window.end, window.broken, window.hindered) = (end, broken, hindered)
        return window
    }

    @Test("A line of a client that is none is refused")
    func lines() {
        #expect(Outcome("1 2 3 4", client: "node") == nil)
        #expect(Outcome("a 2 3 4 pod1", client: "node") == nil)
        #expect(Outcome("0 2 3 4 pod12 10.0.0.1", client: "node")?.pod == 12)
        #expect(Outcome("0 2 0 4 refused", client: "node")?.answered == nil)
    }

    @Test("An endpoint that has left may answer in the time of grace, and not after it")
    mutating func grace() throws {
        #expect(try answer(1, 9_000_000))
        #expect(try answer(2, 10_000_100))
        #expect(ledger.stalest == 0)
        #expect(try answer(1, 9_999_999 + Ledger.grace))
        #expect(ledger.stalest == Ledger.grace - 1)
        #expect(try !answer(1, 10_000_000 + Ledger.grace))
        #expect(ledger.wrong.count == 1 && ledger.failed.isEmpty)
        #expect(ledger.wrong[0].contains("a:53/udp") && ledger.wrong[0].contains("pods [2]"))
        #expect(ledger.made == 4)
    }

    @Test("An act alone excuses no wrong endpoint, however long it goes on with changes")
    mutating func changesAlone() throws {
        ledger.add(window(1_000_000, 60_000_000))
        #expect(try !answer(1, 20_000_000))
        // Nor one that the Service did not have yet.
        #expect(try !answer(2, 5_000_000))
        #expect(ledger.wrong.count == 2)
    }

    @Test("Where a fault keeps changes back, what was there before it may answer until it is over")
    mutating func hindered() throws {
        ledger.add(window(1_000_000, 30_000_000, hindered: 9_000_000))
        #expect(try answer(1, 29_000_000))
        #expect(try answer(1, 30_000_000 + Ledger.grace))
        #expect(ledger.stalest == 0)
        #expect(try !answer(1, 30_000_001 + Ledger.grace))
        // One that was never there may not.
        #expect(try !answer(3, 20_000_000))
    }

    @Test("A fault that began after the endpoint had left for long is no excuse")
    mutating func hinderedLater() throws {
        ledger.add(window(1_000_000, 30_000_000, hindered: 20_000_000))
        #expect(try !answer(1, 21_000_000))
    }

    @Test("An endpoint that comes while the connection is made may answer")
    mutating func late() throws {
        #expect(try answer(2, 9_000_000, after: 1_100_000))
        #expect(ledger.late.count == 1 && ledger.stalest == 0)
    }

    @Test("A refusal is right without endpoints alone")
    mutating func refusals() throws {
        #expect(ledger.judge(try outcome("refused", 1_000_000), history) != nil)
        history.set(0, to: [], at: 20_000_000)
        #expect(ledger.judge(try outcome("refused", 20_000_100), history) == nil)
        #expect(ledger.judge(try outcome("forbidden", 50_000_000), history) == nil)
        // Silence is no refusal, and without endpoints nobody answers.
        #expect(ledger.judge(try outcome("timeout", 50_000_000), history) != nil)
        #expect(try !answer(2, 50_000_000))
        #expect(ledger.failed.count == 2 && ledger.wrong.count == 1)
    }

    @Test("Failures while the kernel lacks what answers are counted apart, and no others")
    mutating func broken() throws {
        ledger.add(window(1_000_000, 8_000_000, broken: 2_000_000))
        #expect(ledger.judge(try outcome("timeout", 1_000_000, ended: 1_500_000), history) != nil)
        #expect(ledger.judge(try outcome("timeout", 1_000_000, ended: 5_000_000), history) == nil)
        #expect(ledger.judge(try outcome("closed", 7_000_000), history) == nil)
        #expect(ledger.judge(try outcome("closed", 8_000_001), history) != nil)
        // It is lost four seconds before that shows.
        let lost = try outcome("lost", 500_000, answered: 500_100, ended: 12_900_000)
        #expect(ledger.judge(lost, history) == nil)
        let later = try outcome("lost", 500_000, answered: 500_100, ended: 13_000_001)
        #expect(ledger.judge(later, history) != nil)
        // Nothing excuses a wrong endpoint.
        #expect(try !answer(3, 5_000_000))
        #expect(ledger.excused == ["flush": 3])
        #expect(ledger.outage == 5_000_000)
        #expect(ledger.failed.count == 3 && ledger.wrong.count == 1 && ledger.long == 2)
    }

    @Test("Each Service has its own targets and endpoints")
    mutating func services() throws {
        ledger = Ledger(targets: [["a:80/tcp"], ["b:80/tcp", "b:53/udp"]])
        history = EndpointHistory([[1], [2]])
        for (target, pod, isRight) in [(0, 1, true), (1, 2, true), (2, 2, true), (2, 1, false)] {
            let outcome = try #require(
                Outcome("\(target) 10 20 30 pod\(pod) 10.0.0.1", client: "pod5")
            )
            #expect((ledger.judge(outcome, history) == nil) == isRight)
        }
    }

    @Test("A slow machine has more time for a change, in proportion")
    mutating func slowness() throws {
        ledger = Ledger(targets: [["a:80/tcp", "a:53/udp"]], slowness: 3)
        #expect(try answer(1, 9_999_999 + 3 * Ledger.grace))
        #expect(try !answer(1, 10_000_000 + 3 * Ledger.grace))
    }

    @Test("A fault that begins sets from when on connections may fail and changes may wait, once")
    func beginnings() {
        var window = Ledger.Window("both", start: 1)
        var fault = ToyFault("a")
        window.begin(fault, at: 2)
        #expect(window.broken == nil && window.hindered == nil && window.end == .max)
        fault.breaks = true
        window.begin(fault, at: 3)
        (fault.breaks, fault.hinders) = (true, true)
        window.begin(fault, at: 4)
        #expect(window.broken == 3 && window.hindered == 4)
    }
}
