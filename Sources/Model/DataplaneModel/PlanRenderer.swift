package import Addressing

/// A mode's plans and changes as `fairlead plan` prints them.
package protocol PlanRenderer {
    associatedtype State
    associatedtype Diff

    init(family: IPFamily)

    /// As text in the languages of the kernel's tools.
    func render(_ state: State) -> String
    func render(_ diff: Diff) -> String

    /// As a value to encode as JSON.
    func document(_ state: State) -> any Encodable
    func document(_ diff: Diff) -> any Encodable
}

extension IPTablesRenderer: PlanRenderer {
    package typealias State = IPTablesState
    package typealias Diff = IPTablesDiff

    package func document(_ state: IPTablesState) -> any Encodable {
        IPTablesDocument(state, family: family)
    }

    package func document(_ diff: IPTablesDiff) -> any Encodable {
        IPTablesDiffDocument(diff, family: family)
    }
}

extension IPVSRenderer: PlanRenderer {
    package typealias State = IPVSState
    package typealias Diff = IPVSDiff

    package func document(_ state: IPVSState) -> any Encodable {
        IPVSDocument(state, family: family)
    }

    package func document(_ diff: IPVSDiff) -> any Encodable {
        IPVSDiffDocument(diff, family: family)
    }
}

extension NFTablesRenderer: PlanRenderer {
    package typealias State = NFTablesState
    package typealias Diff = NFTablesDiff

    package func document(_ state: NFTablesState) -> any Encodable {
        NFTablesDocument(state, family: family)
    }

    package func document(_ diff: NFTablesDiff) -> any Encodable {
        NFTablesDiffDocument(diff, family: family)
    }
}

extension SocketRenderer: PlanRenderer {
    package typealias State = SocketState
    package typealias Diff = SocketDiff

    package func document(_ state: SocketState) -> any Encodable {
        SocketDocument(state, family: family)
    }

    package func document(_ diff: SocketDiff) -> any Encodable {
        SocketDiffDocument(diff, family: family)
    }
}
