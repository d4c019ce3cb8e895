import SoakJudging
import TestSupport

/// Changes alone, to compare with.
struct NoFault: SoakFault {
    let name = "changes alone"
    let touches: Set<Touched> = []

    func begin(_: SoakNode, _: inout SplitMix64) {}
}
