import Addressing
import PrintableText
import ServiceModel

/// Reads the block of a `real_server`.
struct KeepalivedRealServer {
    /// What its virtual server says for all.
    struct Common {
        /// Of the virtual server's addresses, which differ in a group.
        var ports: Set<PortNumber>
        var forwarding: Forwarding
        var weight: UInt32
        var settings: KeepalivedCheckSettings
    }

    /// The findings about the block.
    private(set) var converted = Converted()
    private(set) var check: KeepalivedCheck?
    private let common: Common
    private let key: VirtualServerPart.Key

    init(_ common: Common, _ key: VirtualServerPart.Key) {
        self.common = common
        self.key = key
    }

    /// Nil without an address or a port.
    mutating func read(_ line: KeepalivedStatement) -> VirtualServerPart.Server? {
        let port =
            line.words.count > 2
            ? Int(line.words[2]).flatMap { PortNumber($0) } : key.socket.port
        guard (2...3).contains(line.words.count), let address = IPAddress(line.words[1]), let port
        else {
            converted.leaveOut(
                line.line,
                "\(key)",
                "\(line.title): needs an address and a port; it is left out"
            )
            return nil
        }
        var server = VirtualServerPart.Server(
            line: line.line,
            socket: SocketAddress(address, port),
            weight: common.weight,
            forwarding: common.forwarding
        )
        let object = "\(key): real server \(server.socket)"
        var own = common.settings
        var checkers: [KeepalivedStatement] = []
        for setting in line.block ?? [] {
            switch setting.keyword {
            case "weight": readWeight(setting, object, &server)
            case "lb_kind", "lvs_method":
                server.forwarding =
                    Forwarding(keepalived: setting, object, &converted) ?? server.forwarding
            case "inhibit_on_failure", "delay_loop", "retry", "delay_before_retry",
                "connect_timeout", "virtualhost", "nb_get_retry":
                own.read(setting, object, &converted)
            case let word where word.hasSuffix("_CHECK") || word.hasSuffix("_GET"):
                checkers.append(setting)
            default: KeepalivedLosses.name(setting, object, &converted)
            }
        }
        let place = KeepalivedCheck.Place(
            object: object,
            socket: server.socket,
            endpointPorts: server.forwarding == .nat ? [port] : common.ports,
            transport: key.transport
        )
        check = KeepalivedCheck.first(of: checkers, own, place, &converted)
        return server
    }

    private mutating func readWeight(
        _ line: KeepalivedStatement,
        _ object: String,
        _ server: inout VirtualServerPart.Server
    ) {
        guard line.words.count > 1, let weight = Int(line.words[1]),
            EndpointWeight.range.contains(weight)
        else {
            converted.leaveOut(
                line.line,
                object,
                "\(line.title): is not in 0...65535; \(server.weight) stays, as with keepalived"
            )
            return
        }
        server.weight = UInt32(weight)
    }
}

extension Forwarding {
    /// The method of a line; nil, and a finding, if it names none.
    init?(
        keepalived line: KeepalivedStatement,
        _ object: String,
        _ converted: inout Converted
    ) {
        switch line.words.count > 1 ? line.words[1] : "" {
        case "NAT": self = .nat
        case "DR": self = .direct
        case "TUN":
            if line.words.count > 2, line.words[2...] != ["type", "ipip"] {
                converted.leaveOut(
                    line.line,
                    object,
                    "\(line.title): no equivalent; the tunnel is IP-in-IP"
                )
            }
            self = .tunnel
        default:
            converted.leaveOut(
                line.line,
                object,
                "\(line.title): is not one of NAT, DR, TUN; it is left out"
            )
            return nil
        }
    }
}
