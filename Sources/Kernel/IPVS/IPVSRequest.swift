import Addressing
import CNetlink
package import DataplaneModel
import Glibc
import HostFacts
import Netlink

/// One change of a virtual or real server that the kernel is asked for.
package enum IPVSRequest {
    case newService(ServiceRecord)
    case setService(ServiceRecord)
    case deleteService(VirtualServer.Key)
    case newDestination(VirtualServer.Key, DestinationRecord)
    case setDestination(VirtualServer.Key, DestinationRecord)
    case deleteDestination(VirtualServer.Key, RealServer.Key)

    var key: VirtualServer.Key {
        switch self {
        case .newService(let record), .setService(let record): record.key
        case .deleteService(let key), .newDestination(let key, _), .setDestination(let key, _),
            .deleteDestination(let key, _):
            key
        }
    }

    /// The real server it is about.
    var destination: RealServer.Key? {
        switch self {
        case .newService, .setService, .deleteService: nil
        case .newDestination(_, let record), .setDestination(_, let record): record.key
        case .deleteDestination(_, let key): key
        }
    }

    private var command: (number: UInt8, name: String) {
        switch self {
        case .newService: (UInt8(IPVS_CMD_NEW_SERVICE), "IPVS_CMD_NEW_SERVICE")
        case .setService: (UInt8(IPVS_CMD_SET_SERVICE), "IPVS_CMD_SET_SERVICE")
        case .deleteService: (UInt8(IPVS_CMD_DEL_SERVICE), "IPVS_CMD_DEL_SERVICE")
        case .newDestination: (UInt8(IPVS_CMD_NEW_DEST), "IPVS_CMD_NEW_DEST")
        case .setDestination: (UInt8(IPVS_CMD_SET_DEST), "IPVS_CMD_SET_DEST")
        case .deleteDestination: (UInt8(IPVS_CMD_DEL_DEST), "IPVS_CMD_DEL_DEST")
        }
    }

    /// Appends its message; `family` is the number of the generic netlink family.
    func encode(into batch: inout NetlinkBatch, family: UInt16) {
        batch.begin(generic: family, command: command.number)
        switch self {
        case .newService(let record), .setService(let record): batch.appendService(record)
        case .deleteService(let key): batch.appendService(key)
        case .newDestination(let key, let record), .setDestination(let key, let record):
            batch.appendService(key)
            batch.appendDestination(record)
        case .deleteDestination(let key, let destination):
            batch.appendService(key)
            batch.appendDestination(destination)
        }
    }

    /// The kernel's refusal in words, naming the object.
    func error(_ errno: Int32, _ words: String?) -> DataplaneError {
        let subject = destination.map { "\(key) → \($0)" } ?? "\(key)"
        var error = DataplaneError.system(command.name, subject, errno)
        switch (self, errno) {
        case (.newService(let record), ENOENT), (.setService(let record), ENOENT):
            error.kind = .unsupported
            error.message =
                "the kernel has no scheduler \(record.scheduler): \(Cure.loadModule("ip_vs_\(record.scheduler)").command)"
        case (_, ESRCH): error.message = "there is no such virtual server"
        case (_, ENOENT): error.message = "there is no such real server"
        default: break
        }
        if let words { error.message = words }
        return error
    }
}

extension NetlinkBatch {
    /// The virtual server's identity and all its attributes (`IPVS_CMD_ATTR_SERVICE`).
    fileprivate mutating func appendService(_ record: ServiceRecord) {
        nested(IPVS_CMD_ATTR_SERVICE) { batch in
            batch.appendIdentity(record.key)
            batch.attribute(IPVS_SVC_ATTR_SCHED_NAME, record.scheduler.text)
            // struct ip_vs_flags: the flags, then which of them to change: all but the kernel's.
            let mask = ~ServiceFlags.hashed.rawValue
            batch.attribute(
                IPVS_SVC_ATTR_FLAGS,
                UInt64(mask) << 32 | UInt64(record.flags.rawValue)
            )
            batch.attribute(IPVS_SVC_ATTR_TIMEOUT, record.timeout)
            // Persistence is by whole client addresses: 255.255.255.255, or a prefix length.
            batch.attribute(
                IPVS_SVC_ATTR_NETMASK,
                record.key.family == .ipv4 ? UInt32.max : UInt32(128)
            )
        }
    }

    /// The virtual server's identity alone.
    mutating func appendService(_ key: VirtualServer.Key) {
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

    fileprivate mutating func appendDestination(_ record: DestinationRecord) {
        nested(IPVS_CMD_ATTR_DEST) { batch in
            batch.appendIdentity(record.key)
            batch.attribute(IPVS_DEST_ATTR_FWD_METHOD, record.forwarding)
            batch.attribute(IPVS_DEST_ATTR_WEIGHT, record.weight)
            batch.attribute(IPVS_DEST_ATTR_U_THRESH, record.upperThreshold)
            batch.attribute(IPVS_DEST_ATTR_L_THRESH, record.lowerThreshold)
        }
    }

    fileprivate mutating func appendDestination(_ key: RealServer.Key) {
        nested(IPVS_CMD_ATTR_DEST) { $0.appendIdentity(key) }
    }

    private mutating func appendIdentity(_ key: RealServer.Key) {
        attribute(IPVS_DEST_ATTR_ADDR_FAMILY, UInt16(key.address.family.protocolFamily))
        attribute(IPVS_DEST_ATTR_ADDR, unionOf: key.address)
        attribute(IPVS_DEST_ATTR_PORT, bigEndian: key.port.value)
    }

    /// As a `union nf_inet_addr`: an IPv4 address takes the first four of 16 bytes.
    private mutating func attribute(_ type: some BinaryInteger, unionOf address: IPAddress) {
        let bits = address.family == .ipv4 ? address.bits << 96 : address.bits
        attribute(type, network: bits, width: 16)
    }
}
