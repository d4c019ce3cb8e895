/// What stays the same during a trace: a mode's state, and how its rules are walked and shown.
struct WalkContext<State, Rule> {
    let state: State
    let network: NodeNetwork
    let detail: TraceDetail
    /// The greatest number of nested chains.
    let depthLimit: Int
    /// The greatest number of flows times rules in the whole trace.
    let testLimit: Int
    let ruleText: (Rule) -> String
    /// The Service whose endpoints a value of `meta priority` leads to.
    var title: (UInt32) -> String? = { _ in nil }
}

extension WalkContext {
    /// Why no packet can get to chain `name` by a rule at `place`, below the chains of `stack`; nil
    /// if it can.
    func obstacle<Name: Equatable & CustomStringConvertible>(
        to name: Name,
        exists: Bool,
        stack: [Name],
        depth: Int,
        at place: String
    ) -> TraceProblem? {
        if stack.contains(name) {
            let path = (stack + [name]).map(\.description).joined(separator: " → ")
            return TraceProblem(.loop, at: place, "chain loop: \(path)")
        }
        if depth >= depthLimit {
            let message = "the kernel allows no more than \(depthLimit) nested chains"
            return TraceProblem(.limit, at: place, message)
        }
        return exists ? nil : TraceProblem(.missingChain, at: place, "there is no chain \(name)")
    }
}
