import CIPSet
import DataplaneModel
import Glibc
import HostFacts

extension IPSetSession {
    /// The refusal of a packed message, in libipset's words.
    func refusal(_ errno: Int32, _ command: IPSetCommand) -> IPSetFailure {
        IPSetFailure(errno: errno, text: text(of: errno, for: command), isRefusal: true)
    }
}

extension DataplaneError {
    /// A failed request about sets. `kind` is that of refused entries: some codes depend on it, and libipset
    /// knows only those of its own requests.
    static func ipset(
        _ command: IPSetCommand,
        _ subject: String,
        _ failure: IPSetFailure,
        kind: IPSetKind? = nil
    ) -> DataplaneError {
        let errno = failure.errno
        guard failure.isRefusal else {
            return .system(command.name, subject, errno, message: failure.explanation)
        }
        var error = DataplaneError.system(command.name, subject, errno, message: failure.text)
        if let (kind, words) = special(errno, kind) {
            error.kind = kind
            error.message = words
        } else if errno > 0, let kind = Kind(ipset: ipset_errno(UInt32(errno))) {
            error.kind = kind
        } else if errno == EPERM {
            error.message = "this needs the capability CAP_NET_ADMIN"
        }
        return error
    }

    /// Codes from `IPSET_ERR_TYPE_SPECIFIC` on.
    private static func special(_ errno: Int32, _ kind: IPSetKind?) -> (Kind, String)? {
        switch kind {
        case nil: nil
        case .port:
            errno == Int32(IPSET_ERR_BITMAP_RANGE)
                ? (.invalid, "outside the range of the set") : nil
        case .address, .frontend, .frontendSource:
            switch Int(errno) {
            case IPSET_ERR_HASH_FULL: (.other, "the set is full")
            case IPSET_ERR_HASH_ELEM: (.invalid, "the set cannot hold an all-zero address")
            case IPSET_ERR_INVALID_PROTO, IPSET_ERR_MISSING_PROTO:
                (.invalid, "a protocol that the set cannot hold")
            default: nil
            }
        }
    }
}

extension DataplaneError.Kind {
    /// Of a code that means the same for all types; nil for numbers of system calls.
    fileprivate init?(ipset code: ipset_errno) {
        switch code {
        case IPSET_ERR_FIND_TYPE: self = .unsupported
        case IPSET_ERR_MAX_SETS: self = .other
        case IPSET_ERR_BUSY, IPSET_ERR_REFERENCED: self = .busy
        case IPSET_ERR_EXIST_SETNAME2: self = .notFound
        case IPSET_ERR_EXIST: self = .alreadyExists
        default:
            guard code.rawValue >= IPSET_ERR_PRIVATE.rawValue else { return nil }
            self = .invalid
        }
    }
}
