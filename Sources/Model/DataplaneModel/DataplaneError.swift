/// A failed kernel operation, its object and the kernel's error.
package struct DataplaneError: Error, Sendable, Equatable, CustomStringConvertible {
    /// How the caller may react; behaviour depends on this and never on text.
    package enum Kind: Sendable, Equatable {
        /// Another program changed the object meanwhile: observe and diff again.
        case conflict
        case notFound
        case alreadyExists
        /// A capability is missing.
        case notPermitted
        /// The kernel or its configuration lacks something.
        case unsupported
        /// The kernel rejected the content.
        case invalid
        /// Another program uses it.
        case busy
        /// Another program held the lock of legacy tables for too long.
        case locked
        case other
    }

    /// How much is missing because of the failure, if the rest of a change was applied.
    package enum Scope: Sendable, Equatable {
        /// One object, such as a virtual server or an element of a set.
        case object
        /// Something all Services of the family need, such as a whole set or Fairlead's link.
        case family
    }

    package var kind: Kind
    package var scope = Scope.object
    /// The C function or request, such as `iptc_commit`.
    package var operation: String
    /// The object, such as `IPv4 nat/FAIRLEAD-SERVICES`.
    package var subject: String
    package var errno: Int32
    /// The library's text, if it says more than the number.
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
