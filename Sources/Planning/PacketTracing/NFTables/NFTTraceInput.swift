import DataplaneModel

/// What stays the same during a trace.
struct NFTTraceInput {
    let state: NFTablesState
    let network: NodeNetwork
    let detail: TraceDetail
    let limits: WalkLimits
    let ruleText: (NFTRule) -> String
    /// The Service whose endpoints a value of `meta priority` leads to.
    let title: (UInt32) -> String?
}
