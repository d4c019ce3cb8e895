import Addressing
import CNetlink
package import DataplaneModel
import Glibc
import Netlink

/// A virtual server as the kernel keeps it, without its real servers (`IPVS_SVC_ATTR_*`).
package struct VirtualServerRecord {
    package var key: VirtualServer.Key
    var scheduler: SchedulerName
    package var flags: VirtualServerFlags
    /// The timeout of persistence, in seconds.
    var timeout: UInt32
    var traffic = TrafficCounters()
}

extension VirtualServerRecord {
    /// The record to write for `server`.
    init(_ server: VirtualServer, _ ownership: Ownership, goingAway: Bool = false) {
        key = server.key
        scheduler = server.scheduler
        flags = VirtualServerFlags(rawValue: ownership.serverSignature)
        if goingAway { flags.insert(.goingAway) }
        if server.hashesSourcePort { flags.insert(.hashesSourcePort) }
        if server.scheduler.hashesSources { flags.insert(.fallsBack) }
        if server.persistenceSeconds != nil { flags.insert(.persistent) }
        timeout = server.persistenceSeconds ?? 0
    }

    func virtualServer(_ realServers: [RealServer.Key: RealServer]) -> VirtualServer {
        VirtualServer(
            key,
            scheduler: scheduler,
            hashesSourcePort: flags.contains(.hashesSourcePort),
            persistenceSeconds: flags.contains(.persistent) ? timeout : nil,
            realServers: realServers
        )
    }

    /// From an answer to `IPVS_CMD_GET_SERVICE`; nil for what Fairlead never makes, such as a virtual
    /// server for all ports.
    init?(_ message: NetlinkMessage) {
        guard let attributes = message.attributes.attribute(IPVS_CMD_ATTR_SERVICE) else {
            return nil
        }
        var family: UInt16 = 0
        var transport: UInt16 = 0
        var address: NetlinkBytes?
        var port: UInt128 = 0
        var mark: UInt32?
        var record = VirtualServerRecord(
            key: .mark(0, .ipv4),
            scheduler: SchedulerName(""),
            flags: [],
            timeout: 0
        )
        attributes.forEachAttribute { type, value in
            switch type {
            case Int(IPVS_SVC_ATTR_AF): family = value.number(UInt16.self)
            case Int(IPVS_SVC_ATTR_PROTOCOL): transport = value.number(UInt16.self)
            case Int(IPVS_SVC_ATTR_ADDR): address = value
            case Int(IPVS_SVC_ATTR_PORT): port = value.network(2)
            case Int(IPVS_SVC_ATTR_FWMARK): mark = value.number(UInt32.self)
            case Int(IPVS_SVC_ATTR_SCHED_NAME): record.scheduler = SchedulerName(value.text)
            case Int(IPVS_SVC_ATTR_FLAGS): record.flags.rawValue = value.number(UInt32.self)
            case Int(IPVS_SVC_ATTR_TIMEOUT): record.timeout = value.number(UInt32.self)
            case Int(IPVS_SVC_ATTR_STATS64): record.traffic = TrafficCounters(value)
            default: break
            }
        }
        guard let family = IPFamily(protocolFamily: family) else { return nil }
        if let mark {
            record.key = .mark(mark, family)
        } else {
            guard let socket = SocketAddress(family, address, port),
                let number = UInt8(exactly: transport),
                let transport = TransportProtocol(number: number)
            else { return nil }
            record.key = .frontend(socket, transport)
        }
        self = record
    }
}
