import DataplaneModel

/// The constants of a trace.
struct NFTTraceInput {
    let state: NFTablesState
    let network: NodeNetwork
    let detail: TraceDetail
    let limits: WalkLimits
    let ruleText: (NFTRule) -> String
    /// The Service whose endpoints a value of `meta priority` selects.
    let title: (UInt32) -> String?
}
