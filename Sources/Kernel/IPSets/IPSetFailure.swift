import DataplaneModel
import Glibc
import HostFacts

/// Why a request about sets was not carried out.
struct IPSetFailure: Error, Equatable {
    /// The kernel's number, which may be one of ipset's own, or that of the call with which libipset failed:
    /// EPROTO if it did not understand the kernel, EPROTONOSUPPORT if the two share no usable revision.
    var errno: Int32
    /// libipset's words, in one line; it does not have any for each of its own failures.
    var text: String
    /// The kernel refused the request. Otherwise libipset failed.
    var isRefusal: Bool

    /// The kernel refused the request with this number.
    func isRefusal(_ number: some BinaryInteger) -> Bool { isRefusal && errno == number }

    /// What is to be said of a failure of libipset's, with the error of its system call if there was one.
    var explanation: String {
        let isExplained = errno == EPROTO || errno == EPROTONOSUPPORT
        if isExplained, !text.isEmpty { return text }
        let cause = DataplaneError.systemMessage(errno)
        return text.isEmpty ? cause : "\(text) (\(cause))"
    }
}
