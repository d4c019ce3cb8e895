package import DataplaneModel
import Glibc
package import SystemCalls
import SystemPackage

extension DataplaneError.Kind {
    /// The kind that the number stands for in most system calls.
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
    /// A failed system call or request. Without a kind and a message they are those of the number.
    package static func system(
        _ operation: String,
        _ subject: String,
        _ errno: Int32,
        kind: Kind? = nil,
        message: String? = nil
    ) -> DataplaneError {
        DataplaneError(
            kind: kind ?? Kind(errno: errno),
            operation: operation,
            subject: subject,
            errno: errno,
            message: message ?? systemMessage(errno)
        )
    }

    /// The host lacked descriptors or memory at that moment, which says nothing about what was asked for.
    package var isShortage: Bool {
        switch errno {
        case EMFILE, ENFILE, ENOMEM, ENOBUFS: true
        default: false
        }
    }

    /// The same failure, explained.
    package func explained(as kind: Kind, _ message: String) -> DataplaneError {
        var error = self
        error.kind = kind
        error.message = message
        return error
    }

    /// The C library's text for the number.
    package static func systemMessage(_ errno: Int32) -> String {
        Errno(rawValue: errno).description
    }
}

extension OptionalWork {
    /// To be called where the calling thread's work may end.
    ///
    /// - Throws: `ECANCELED` if it is to be given up.
    package static func goOn(_ subject: String) throws(DataplaneError) {
        if isUnwanted { throw .system("read", subject, ECANCELED) }
    }
}
