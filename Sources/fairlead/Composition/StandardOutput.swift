import Synchronization
import SystemCalls
import SystemPackage

/// What a command prints. It is written at once, and a failure is remembered until the command's end, as some have more
/// to do than to print.
enum StandardOutput {
    private static let error = Mutex<Errno?>(nil)

    /// Writes nothing more after a failure: what lacks its middle could be taken for the whole.
    static func print(_ content: some CustomStringConvertible, terminator: String = "\n") {
        error.withLock { error in
            guard error == nil else { return }
            do throws(Errno) {
                try StandardDescriptors.print("\(content)\(terminator)")
            } catch let failure {
                error = failure
            }
        }
    }

    /// Whether what is printed still gets anywhere.
    static var isWritable: Bool { error.withLock { $0 == nil } }

    /// Why something is not written; nil if all is, or if its reader has left, which takes what it needs.
    static var failure: Errno? {
        let error = error.withLock(\.self)
        return error == .brokenPipe ? nil : error
    }
}
