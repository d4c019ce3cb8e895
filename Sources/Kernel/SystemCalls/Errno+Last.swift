import Glibc
package import SystemPackage

extension Errno {
    /// The error of this thread's last failed C call; its description is the C library's text.
    package static var last: Errno { Errno(rawValue: errno) }

    /// Runs calls of SystemPackage, which throw only `Errno`.
    package static func only<Result: ~Copyable>(
        _ body: () throws -> Result
    ) throws(Errno) -> Result {
        do {
            return try body()
        } catch let error as Errno {
            throw error
        } catch {
            throw .last
        }
    }
}
