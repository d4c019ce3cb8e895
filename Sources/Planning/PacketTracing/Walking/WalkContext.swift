/// What stays the same during a trace: a mode's state, and how its rules are walked and shown.
struct WalkContext<State, Rule> {
    let state: State
    let network: NodeNetwork
    let detail: TraceDetail
    let limits: WalkLimits
    let ruleText: (Rule) -> String
    /// The Service whose endpoints a value of `meta priority` leads to.
    var title: (UInt32) -> String? = { _ in nil }
}
