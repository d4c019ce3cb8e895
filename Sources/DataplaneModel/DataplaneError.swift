/// A failed kernel operation: what was tried, on which object, and the kernel's own answer.
package struct DataplaneError: Error, Sendable, Equatable, CustomStringConvertible {
    /// What the caller may do about it; behaviour depends on this and never on text.
    package enum Kind: Sendable, Equatable {
        /// Somebody else changed the object meanwhile: observe and diff again.
        case conflict
        case notFound
        case alreadyExists
        /// A capability is missing.
        case notPermitted
        /// The kernel or its configuration lacks something.
        case unsupported
        /// The kernel refused the content.
        case invalid
        /// Another program held a lock for too long.
        case busy
        case other
    }

    package var kind: Kind
    /// The C function or request, such as `iptc_commit`.
    package var operation: String
    /// The object, such as `IPv4 nat/FAIRLEAD-SERVICES`.
    package var subject: String
    package var errno: Int32
    /// The library's text, where it says more than the number does.
    package var message: String?

    package init(
        kind: Kind,
        operation: String,
        subject: String,
        errno: Int32,
        message: String? = nil
    ) {
        self.kind = kind
        self.operation = operation
        self.subject = subject
        self.errno = errno
        self.message = message
    }

    package var description: String {
        "\(subject): \(operation) failed: \(message ?? "unknown error") (errno \(errno))"
    }
}
