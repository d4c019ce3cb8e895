package import DataplaneModel
package import Glibc
package import SystemCalls
package import SystemPackage

extension OwnedDescriptor {
    /// Opens a file; always with `O_CLOEXEC`. An error names the file.
    package static func open(
        _ path: String,
        _ mode: FileDescriptor.AccessMode = .readOnly,
        options: FileDescriptor.OpenOptions = [],
        permissions: FilePermissions? = nil
    ) throws(DataplaneError) -> OwnedDescriptor {
        do throws(Errno) {
            return try OwnedDescriptor(
                opening: path,
                mode,
                options: options,
                permissions: permissions
            )
        } catch {
            throw .system("open", path, error.rawValue)
        }
    }

    /// A new socket; always with `SOCK_CLOEXEC`. An error names the `subject`.
    package static func socket(
        _ domain: Int32,
        _ type: __socket_type,
        _ number: Int32,
        for subject: String
    ) throws(DataplaneError) -> OwnedDescriptor {
        do throws(Errno) {
            return try OwnedDescriptor(socket: domain, type, protocol: number)
        } catch {
            throw .system("socket", subject, error.rawValue)
        }
    }
}

extension DataplaneError {
    package static func file(_ error: FileError, _ path: String) -> DataplaneError {
        switch error {
        case .call(let call, let errno): .system(call, path, errno.rawValue)
        case .notRegular, .larger:
            .system("read", path, EFBIG, kind: .invalid, message: error.reason)
        }
    }
}
