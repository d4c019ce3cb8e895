package import DataplaneModel
import Glibc
import SystemCalls
import SystemPackage

/// A kernel parameter that is read again and again: its file stays open.
///
/// A network parameter is that of the namespace of the thread that read it first.
package final class KeptSysctl {
    /// Longer values are read in the usual way.
    private static let longest = 128

    private let name: String
    private var file: OwnedDescriptor?

    /// Reads nothing yet.
    package init(_ name: String) {
        self.name = name
    }

    /// The present value, as `Sysctl.read` gives it.
    ///
    /// - Throws: as `Sysctl.read`.
    package func read() throws(DataplaneError) -> String {
        if let value = present() { return value }
        // The file has no content any more once its module has been unloaded.
        file = nil
        let value = try Sysctl.read(name)
        // Without descriptors left it is opened each time.
        file = try? OwnedDescriptor(opening: Sysctl.path(of: name), .readOnly)
        return value
    }

    private func present() -> String? {
        switch file {
        case .some(let file):
            var content = [UInt8](repeating: 0, count: Self.longest)
            let count = unsafe pread(file.number, &content, content.count, 0)
            guard count > 0, count < content.count else { return nil }
            return Sysctl.text(Array(content[..<count]))
        case .none:
            return nil
        }
    }
}
