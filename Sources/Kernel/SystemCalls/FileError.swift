package import SystemPackage

/// Why a file could not be read or written. Does not name the path, which the caller knows.
package enum FileError: Error, Hashable, CustomStringConvertible {
    case call(String, Errno)
    case notRegular
    case larger(than: Int)

    /// The error number, if a system call failed.
    package var errno: Errno? {
        if case .call(_, let errno) = self { errno } else { nil }
    }

    /// Without the name of the call.
    package var reason: String {
        switch self {
        case .call(_, let errno): errno.description
        case .notRegular: "not a regular file"
        case .larger(let limit): "larger than \(limit) bytes"
        }
    }

    package var description: String {
        switch self {
        case .call(let call, let errno): "\(call): \(errno)"
        case .notRegular, .larger: reason
        }
    }

    static func `in`<Result: ~Copyable>(
        _ call: String,
        _ body: () throws(Errno) -> Result
    ) throws(FileError) -> Result {
        do {
            return try body()
        } catch {
            throw .call(call, error)
        }
    }
}
