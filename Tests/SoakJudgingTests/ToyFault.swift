import SoakJudging

struct ToyFault: FaultTraits {
    var name: String
    var touches: Set<Touched> = []
    var breaks = false
    var hinders = false
    var endsProcess = false
    var lasts: ClosedRange<Double>?
    var limit = 10.0

    init(_ name: String, _ touches: Set<Touched> = [], lasts: ClosedRange<Double>? = nil) {
        (self.name, self.touches, self.lasts) = (name, touches, lasts)
    }
}
