/// A lab that is removed with its owner. Needs root and iproute2.
package final class NamespaceLab {
    package let shape: LabShape

    /// The first node.
    package var node: String { shape.node(1) }
    package var client: String { shape.client }

    /// Pods count from 1.
    package func pod(_ number: Int) -> String { shape.pod(number) }

    /// Builds the network, in place of what an earlier lab of the same name left. Throws if a step
    /// fails.
    package init(_ shape: LabShape) throws(LabError) {
        self.shape = shape
        try LabBuilder.remove(shape.name)
        do {
            try LabBuilder.build(shape)
        } catch {
            // The next lab of this name removes what this leaves.
            _ = try? LabBuilder.remove(shape.name)
            throw error
        }
    }

    /// One node with three pods on a bridge.
    package convenience init(name: String) throws(LabError) {
        try self.init(LabShape(name: name))
    }

    deinit {
        // The next lab of this name removes a namespace that is left.
        _ = try? LabBuilder.remove(shape.name)
    }
}
