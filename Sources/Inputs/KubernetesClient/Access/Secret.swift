/// Text that must not be seen: a token, a password, a private key.
///
/// Every way of printing it, reflection included, shows only that it is there.
package struct Secret: Sendable, Hashable, CustomStringConvertible, CustomDebugStringConvertible,
    CustomReflectable
{
    private let text: String

    package init(_ text: String) {
        self.text = text
    }

    /// The text itself, for the place that sends it and for no other.
    package func reveal() -> String { text }

    package var description: String { "<secret>" }
    package var debugDescription: String { description }
    package var customMirror: Mirror { Mirror(self, children: []) }
}
