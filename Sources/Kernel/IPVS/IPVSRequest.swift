import Addressing
import CNetlink
package import DataplaneModel
import Glibc
import HostFacts
import Netlink

/// A request to change a virtual or real server.
package enum IPVSRequest {
    case newVirtualServer(VirtualServerRecord)
    case setVirtualServer(VirtualServerRecord)
    case deleteVirtualServer(VirtualServer.Key)
    case newRealServer(VirtualServer.Key, RealServerRecord)
    case setRealServer(VirtualServer.Key, RealServerRecord)
    case deleteRealServer(VirtualServer.Key, RealServer.Key)

    var key: VirtualServer.Key {
        switch self {
        case .newVirtualServer(let record), .setVirtualServer(let record): record.key
        case .deleteVirtualServer(let key), .newRealServer(let key, _), .setRealServer(let key, _),
            .deleteRealServer(let key, _):
            key
        }
    }

    /// The real server to change; nil if it is the virtual server.
    var realServer: RealServer.Key? {
        switch self {
        case .newVirtualServer, .setVirtualServer, .deleteVirtualServer: nil
        case .newRealServer(_, let record), .setRealServer(_, let record): record.key
        case .deleteRealServer(_, let key): key
        }
    }

    private var command: (number: UInt8, name: String) {
        switch self {
        case .newVirtualServer: (UInt8(IPVS_CMD_NEW_SERVICE), "IPVS_CMD_NEW_SERVICE")
        case .setVirtualServer: (UInt8(IPVS_CMD_SET_SERVICE), "IPVS_CMD_SET_SERVICE")
        case .deleteVirtualServer: (UInt8(IPVS_CMD_DEL_SERVICE), "IPVS_CMD_DEL_SERVICE")
        case .newRealServer: (UInt8(IPVS_CMD_NEW_DEST), "IPVS_CMD_NEW_DEST")
        case .setRealServer: (UInt8(IPVS_CMD_SET_DEST), "IPVS_CMD_SET_DEST")
        case .deleteRealServer: (UInt8(IPVS_CMD_DEL_DEST), "IPVS_CMD_DEL_DEST")
        }
    }

    /// Appends the message; `family` is the number of the generic netlink family.
    func encode(into batch: inout NetlinkBatch, family: UInt16) {
        batch.begin(generic: family, command: command.number)
        switch self {
        case .newVirtualServer(let record), .setVirtualServer(let record):
            batch.appendVirtualServer(record)
        case .deleteVirtualServer(let key): batch.appendVirtualServer(key)
        case .newRealServer(let key, let record), .setRealServer(let key, let record):
            batch.appendVirtualServer(key)
            batch.appendRealServer(record, of: key.family)
        case .deleteRealServer(let key, let realServer):
            batch.appendVirtualServer(key)
            batch.appendRealServer(realServer, of: key.family)
        }
    }

    /// The error of a refused request; `explanation` is the kernel's, if it has one.
    func error(_ errno: Int32, _ explanation: String?) -> DataplaneError {
        let subject = realServer.map { "\(key) → \($0)" } ?? "\(key)"
        var error = DataplaneError.system(command.name, subject, errno)
        switch (self, errno) {
        case (.newVirtualServer(let record), ENOENT), (.setVirtualServer(let record), ENOENT):
            error.kind = .unsupported
            error.message =
                "the kernel has no scheduler \(record.scheduler): \(Cure.loadModule("ip_vs_\(record.scheduler)").command)"
        case (_, ESRCH): error.message = "there is no such virtual server"
        case (_, ENOENT): error.message = "there is no such real server"
        default: break
        }
        if let explanation { error.message = explanation }
        return error
    }
}

extension NetlinkBatch {
    /// The virtual server's identity and all its attributes (`IPVS_CMD_ATTR_SERVICE`).
    fileprivate mutating func appendVirtualServer(_ record: VirtualServerRecord) {
        nested(IPVS_CMD_ATTR_SERVICE) { batch in
            batch.appendIdentity(record.key)
            batch.attribute(IPVS_SVC_ATTR_SCHED_NAME, record.scheduler.text)
            // struct ip_vs_flags: the flags, then a mask of those to change: all but the kernel's.
            let mask = ~VirtualServerFlags.hashed.rawValue
            batch.attribute(
                IPVS_SVC_ATTR_FLAGS,
                UInt64(mask) << 32 | UInt64(record.flags.rawValue)
            )
            batch.attribute(IPVS_SVC_ATTR_TIMEOUT, record.timeout)
            // Persistence is by single client addresses: a netmask, or for IPv6 a prefix length.
            batch.attribute(
                IPVS_SVC_ATTR_NETMASK,
                record.key.family == .ipv4 ? UInt32.max : UInt32(128)
            )
        }
    }

    /// Only the virtual server's identity.
    mutating func appendVirtualServer(_ key: VirtualServer.Key) {
        nested(IPVS_CMD_ATTR_SERVICE) { $0.appendIdentity(key) }
    }

    private mutating func appendIdentity(_ key: VirtualServer.Key) {
        attribute(IPVS_SVC_ATTR_AF, UInt16(key.family.protocolFamily))
        switch key {
        case .frontend(let socket, let transport):
            attribute(IPVS_SVC_ATTR_PROTOCOL, UInt16(transport.number))
            attribute(IPVS_SVC_ATTR_ADDR, unionOf: socket.address)
            attribute(IPVS_SVC_ATTR_PORT, bigEndian: socket.port.value)
        case .mark(let mark, _): attribute(IPVS_SVC_ATTR_FWMARK, mark)
        }
    }

    fileprivate mutating func appendRealServer(_ record: RealServerRecord, of family: IPFamily) {
        nested(IPVS_CMD_ATTR_DEST) { batch in
            batch.appendIdentity(record.key, of: family)
            batch.attribute(IPVS_DEST_ATTR_FWD_METHOD, record.forwarding)
            batch.attribute(IPVS_DEST_ATTR_WEIGHT, record.weight)
            batch.attribute(IPVS_DEST_ATTR_U_THRESH, record.upperThreshold)
            batch.attribute(IPVS_DEST_ATTR_L_THRESH, record.lowerThreshold)
        }
    }

    fileprivate mutating func appendRealServer(_ key: RealServer.Key, of family: IPFamily) {
        nested(IPVS_CMD_ATTR_DEST) { $0.appendIdentity(key, of: family) }
    }

    /// `family` is the virtual server's, which an address without `IPVS_DEST_ATTR_ADDR_FAMILY` has, too.
    private mutating func appendIdentity(_ key: RealServer.Key, of family: IPFamily) {
        if key.address.family != family {
            attribute(IPVS_DEST_ATTR_ADDR_FAMILY, UInt16(key.address.family.protocolFamily))
        }
        attribute(IPVS_DEST_ATTR_ADDR, unionOf: key.address)
        attribute(IPVS_DEST_ATTR_PORT, bigEndian: key.port.value)
    }

    /// As a `union nf_inet_addr`: an IPv4 address is the first four of 16 bytes.
    private mutating func attribute(_ type: some BinaryInteger, unionOf address: IPAddress) {
        let bits = address.family == .ipv4 ? address.bits << 96 : address.bits
        attribute(type, network: bits, width: 16)
    }
}
