package import DataplaneModel
import Glibc
import SystemPackage

extension DataplaneError.Kind {
    /// What the number means for most system calls.
    package init(errno: Int32) {
        self =
            switch errno {
            case EAGAIN: .conflict
            case ENOENT, ESRCH, ENODEV: .notFound
            case EEXIST: .alreadyExists
            case EPERM, EACCES: .notPermitted
            case ENOPROTOOPT, EPROTONOSUPPORT, EOPNOTSUPP, ENOSYS: .unsupported
            case EINVAL, ELOOP, E2BIG, ENAMETOOLONG: .invalid
            case EBUSY: .busy
            default: .other
            }
    }
}

extension DataplaneError {
    /// A failed system call, with the C library's words for the number.
    package static func system(_ operation: String, _ subject: String, _ errno: Int32)
        -> DataplaneError
    {
        DataplaneError(
            kind: Kind(errno: errno),
            operation: operation,
            subject: subject,
            errno: errno,
            message: systemMessage(errno)
        )
    }

    package static func systemMessage(_ errno: Int32) -> String {
        Errno(rawValue: errno).description
    }
}
