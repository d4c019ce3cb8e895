package import DataplaneModel

/// The numbers by which rules refer to sets (`ip_set_id_t`), both ways.
///
/// A set keeps its number as long as a rule refers to it, also when another is swapped in.
package struct SetIndexes: Sendable, Equatable {
    private var indexes: [IPSetName: UInt16] = [:]
    private var names: [UInt16: IPSetName] = [:]

    /// No sets.
    package init() {}

    package init(_ indexes: [IPSetName: UInt16]) {
        self.indexes = indexes
        for (name, index) in indexes { names[index] = name }
    }

    package var isEmpty: Bool { indexes.isEmpty }

    package subscript(name: IPSetName) -> UInt16? { indexes[name] }

    package subscript(index: UInt16) -> IPSetName? { names[index] }
}
