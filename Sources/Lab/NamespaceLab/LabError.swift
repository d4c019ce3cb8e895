/// A failure in the lab: what failed, and why.
package struct LabError: Error, CustomStringConvertible {
    package let description: String

    package init(_ description: String) {
        self.description = description
    }
}
