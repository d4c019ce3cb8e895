package import Addressing
package import DataplaneModel

/// The socket level beside any mode, as far as it is pure.
package enum SocketLevel {
    /// A plan as `fairlead plan` prints it below the mode's.
    package static func plan(_ state: SocketState, _ family: IPFamily) -> String {
        "# Fairlead's socket level for \(family.rawValue)\n"
            + SocketRenderer(family: family).render(state)
    }

    /// A change as `fairlead plan --diff` prints it below the mode's.
    package static func changes(_ diff: SocketDiff, _ family: IPFamily) -> String {
        let summary = diff.isEmpty ? "nothing to change" : "\(diff.count) changes"
        return "# \(family.rawValue), socket level: \(summary)\n"
            + SocketRenderer(family: family).render(diff)
    }
}
