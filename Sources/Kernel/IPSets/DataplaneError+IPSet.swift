import CNetlink
import DataplaneModel
import Glibc
import HostFacts

extension DataplaneError {
    /// A refused ipset request. Some codes depend on the type of set, which `type` is if it is known.
    static func ipset(
        _ command: IPSetCommand,
        _ subject: String,
        _ errno: Int32,
        type: IPSetKind? = nil
    ) -> DataplaneError {
        var error = DataplaneError.system(command.name, subject, errno)
        if let (kind, words) = common(errno) ?? special(errno, type) {
            error.kind = kind
            error.message = words
        } else if errno >= Int32(IPSET_ERR_PRIVATE.rawValue) {
            error.kind = .invalid
            error.message = "refused by ipset"
        } else if errno == ENOENT {
            error.message = "there is no such set"
        } else if errno == EPERM {
            error.message = "this needs the capability CAP_NET_ADMIN"
        }
        return error
    }

    /// Codes that mean the same for all types (`enum ipset_errno`).
    private static func common(_ errno: Int32) -> (Kind, String)? {
        guard errno > 0 else { return nil }
        return switch ipset_errno(UInt32(errno)) {
        case IPSET_ERR_PROTOCOL: (.invalid, "the kernel does not understand the request")
        case IPSET_ERR_FIND_TYPE:
            (.unsupported, "the kernel lacks this type of set, or this revision of it")
        case IPSET_ERR_MAX_SETS: (.other, "the kernel takes no more sets")
        case IPSET_ERR_BUSY: (.busy, "in use by a rule, or being listed just now")
        case IPSET_ERR_REFERENCED: (.busy, "in use by a rule")
        case IPSET_ERR_EXIST_SETNAME2: (.notFound, "there is no set to swap with")
        case IPSET_ERR_TYPE_MISMATCH: (.invalid, "sets of different types cannot be swapped")
        case IPSET_ERR_EXIST: (.alreadyExists, "already so")
        case IPSET_ERR_INVALID_CIDR: (.invalid, "a length of range that the set cannot hold")
        case IPSET_ERR_INVALID_FAMILY: (.invalid, "an address family that the type does not have")
        case IPSET_ERR_IPADDR_IPV4: (.invalid, "an IPv4 address was expected")
        case IPSET_ERR_IPADDR_IPV6: (.invalid, "an IPv6 address was expected")
        case IPSET_ERR_SKBINFO: (.invalid, "the set carries no marks")
        default: nil
        }
    }

    /// Codes from `IPSET_ERR_TYPE_SPECIFIC` on.
    private static func special(_ errno: Int32, _ type: IPSetKind?) -> (Kind, String)? {
        switch type {
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
