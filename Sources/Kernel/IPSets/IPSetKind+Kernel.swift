import Addressing
import DataplaneModel
import Netlink

extension IPSetKind {
    /// The first revision that can carry marks (`skbinfo`) and, with ports, knows SCTP.
    var revision: UInt8 {
        switch self {
        case .address: 4
        case .frontend: 5
        case .frontendSource: 7
        case .port: 3
        }
    }

    /// The kernel module with this type.
    var module: String {
        switch self {
        case .address: "ip_set_hash_ip"
        case .frontend: "ip_set_hash_ipport"
        case .frontendSource: "ip_set_hash_ipportnet"
        case .port: "ip_set_bitmap_port"
        }
    }

    /// `NFPROTO_*` of a set; a set without addresses serves both families.
    func number(of family: IPFamily) -> UInt8 {
        switch self {
        case .address, .frontend, .frontendSource: family.protocolFamily
        case .port: 0
        }
    }
}

extension IPSetEntry {
    /// The kind of set that it belongs to.
    var kind: IPSetKind {
        switch self {
        case .address: .address
        case .frontend: .frontend
        case .frontendSource: .frontendSource
        case .port: .port
        }
    }
}
