import Reconciling
import Testing

@Suite("StartGate")
struct StartGateTests {
    private let start = ContinuousClock.now

    private func after(_ seconds: Int) -> ContinuousClock.Instant {
        start.advanced(by: .seconds(seconds))
    }

    /// As `#expect` takes no mutating call.
    private func opens(
        _ gate: inout StartGate,
        _ hasAddresses: Bool,
        _ hasPodRanges: Bool,
        _ now: ContinuousClock.Instant
    ) -> Bool {
        gate.opens(hasAddresses: hasAddresses, hasPodRanges: hasPodRanges, at: now)
    }

    @Test("Without an API server there is nothing to wait for")
    func files() {
        var gate = StartGate(needsNode: false, needsPodRanges: false, start: start)
        #expect(opens(&gate, false, false, start))
    }

    @Test("The Node is waited for, half a minute at most")
    func node() {
        var gate = StartGate(needsNode: true, needsPodRanges: false, start: start)
        #expect(!opens(&gate, false, false, after(29)))
        #expect(gate.reason(hasAddresses: false, hasPodRanges: false) == "the Node's addresses")
        var patient = gate
        #expect(opens(&gate, true, false, after(29)))
        #expect(opens(&patient, false, false, after(30)))
    }

    @Test("Pod ranges are waited for five minutes more, and a Node that loses them closes nothing")
    func podRanges() {
        var gate = StartGate(needsNode: true, needsPodRanges: true, start: start)
        #expect(!opens(&gate, true, false, after(329)))
        #expect(gate.reason(hasAddresses: true, hasPodRanges: false) == "the Node's pod ranges")
        var patient = gate
        #expect(opens(&patient, true, false, after(330)))
        #expect(opens(&gate, true, true, after(10)))
        #expect(opens(&gate, false, false, after(11)))
        #expect(gate.reason(hasAddresses: false, hasPodRanges: false) == nil)
    }
}
