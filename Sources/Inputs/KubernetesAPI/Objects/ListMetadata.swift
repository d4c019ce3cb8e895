/// What a list says beside its objects.
package struct ListMetadata: Sendable, Hashable {
    /// To watch from.
    package var resourceVersion: String
    /// To get the next page with; empty after the last one.
    package var continueToken = ""
}
