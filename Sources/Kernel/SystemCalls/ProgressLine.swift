import Glibc

/// A line on standard error that says how far long work has come, and is replaced by the next one.
///
/// Writes nothing unless standard error is a terminal: what reads a pipe or a file wants results alone.
package final class ProgressLine {
    private let descriptor: Int32
    private let isTerminal: Bool
    private var isShown = false

    /// Cut to what the narrowest usual terminal shows, as a wrapped line could not be replaced.
    private static let width = 79

    package init(on descriptor: Int32 = STDERR_FILENO) {
        self.descriptor = descriptor
        isTerminal = isatty(descriptor) == 1
    }

    deinit {
        clear()
    }

    /// Shows `text`, one line of a few words, in place of what was shown before.
    package func show(_ text: String) {
        guard isTerminal else { return }
        write("\r\u{1b}[K" + text.prefix(Self.width))
        isShown = true
    }

    /// Removes the line, before something else is printed.
    package func clear() {
        guard isShown else { return }
        write("\r\u{1b}[K")
        isShown = false
    }

    private func write(_ text: String) {
        var text = text
        // Nothing depends on it, so that a failure is not worth a word.
        _ = text.withUTF8 { bytes in
            unsafe Glibc.write(descriptor, bytes.baseAddress, bytes.count)
        }
    }
}
