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
        _ facts: StartGate.Facts,
        _ seconds: Int
    ) -> Bool {
        gate.opens(knowing: facts, at: after(seconds))
    }

    @Test("Without an API server there is nothing to wait for")
    func files() {
        var gate = StartGate(needs: [])
        #expect(opens(&gate, [], 0))
    }

    @Test("The Node is waited for, half a minute at most")
    func node() {
        var gate = StartGate(needs: .addresses)
        #expect(!opens(&gate, [], 0))
        #expect(!opens(&gate, [], 29))
        #expect(gate.reason(knowing: []) == "the Node's addresses")
        var patient = gate
        #expect(opens(&gate, .addresses, 29))
        #expect(opens(&patient, [], 30))
    }

    @Test("Pod ranges are waited for five minutes more, and a Node that loses them closes nothing")
    func podRanges() {
        var gate = StartGate(needs: [.addresses, .podRanges])
        #expect(!opens(&gate, [], 0))
        #expect(!opens(&gate, .addresses, 329))
        #expect(gate.reason(knowing: .addresses) == "the Node's pod ranges")
        var patient = gate
        #expect(opens(&patient, .addresses, 330))
        #expect(opens(&gate, [.addresses, .podRanges], 10))
        #expect(opens(&gate, [], 11))
        #expect(gate.reason(knowing: []) == nil)
    }

    @Test("ServiceCIDRs are waited for twelve seconds, which a slow API server does not use up")
    func serviceRanges() {
        var gate = StartGate(needs: [.addresses, .serviceRanges])
        // The API server first answered after a minute.
        #expect(!opens(&gate, [], 60))
        #expect(!opens(&gate, .addresses, 71))
        #expect(gate.reason(knowing: .addresses) == "the cluster's ServiceCIDRs")
        var answered = gate
        #expect(opens(&gate, .addresses, 72))
        #expect(opens(&answered, [.addresses, .serviceRanges], 61))
    }
}
