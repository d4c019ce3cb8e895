/// Text that must not be printed: a token, a password, a private key.
///
/// Every way of printing it, reflection included, shows a placeholder.
package struct Secret: Sendable, Hashable, CustomStringConvertible, CustomDebugStringConvertible,
    CustomReflectable
{
    private let text: String

    package init(_ text: String) {
        self.text = text
    }

    /// The text itself, only for the code that sends it.
    package func reveal() -> String { text }

    package var description: String { "<secret>" }
    package var debugDescription: String { description }
    package var customMirror: Mirror { Mirror(self, children: []) }
}
