/// The flows that reached a hook, of which each step takes a share.
struct StepScope {
    private let share: Double
    private let destinations: Int

    init(_ entering: [Flow]) {
        share = entering.totalShare
        destinations = Set(entering.map(\.packet.destinationText)).count
    }

    /// The step with its share.
    func step(_ step: TraceStep, taken flows: [Flow]) -> TraceStep {
        var step = step
        let here = flows.totalShare
        let returning = flows.allSatisfy { $0.isReturning || $0.share == 0 }
        if step.matched, !returning, here < share - 1e-12 { step.share = here }
        step.returningClientsOnly = returning
        if destinations > 1 {
            let texts = Set(flows.map(\.packet.destinationText))
            if texts.count < destinations { step.destinations = texts.sorted() }
        }
        return step
    }
}
