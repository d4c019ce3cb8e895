import Addressing
import PrintableText
import ServiceModel

/// Reads the block of a `virtual_server`.
struct KeepalivedServer {
    /// keepalived's for a `persistence_timeout` without a number.
    private static let standardPersistence = 360

    /// The findings about the block.
    private(set) var converted = Converted()
    /// What the block says; nil without an address.
    private(set) var part: VirtualServerPart?
    private var forwarding = Forwarding.nat
    private var settings = KeepalivedCheckSettings()
    private var checks: [KeepalivedCheck?] = []

    /// `socket` is one of the addresses that the block is for.
    init(_ statement: KeepalivedStatement, _ socket: SocketAddress?) {
        guard let socket else { return }
        let block = statement.block ?? []
        var part = VirtualServerPart(
            line: statement.line,
            key: .init(socket: socket, transport: .udp)
        )
        if let name = block.last(where: { $0.keyword == "protocol" }) {
            let text = name.words.count > 1 ? name.words[1] : ""
            guard let transport = TransportProtocol(keyword: text) else {
                converted.leaveOut(
                    name.line,
                    "\(part.key)",
                    "\(name.title): is not one of TCP, UDP, SCTP; the virtual server is left out"
                )
                return
            }
            part.key.transport = transport
        } else {
            converted.note(
                statement.line,
                "\(part.key)",
                "protocol is missing, which means UDP (seen with keepalived 2.2.7)"
            )
        }
        for line in block where line.keyword != "real_server" { read(line, &part) }
        // After what holds for all of them, wherever that stands.
        for line in block where line.keyword == "real_server" { readServer(line, &part) }
        part.healthCheck = KeepalivedCheck.common(checks, part.key, &converted)
        self.part = part
    }

    private mutating func read(_ line: KeepalivedStatement, _ part: inout VirtualServerPart) {
        let object = "\(part.key)"
        let value = line.words.count > 1 ? line.words[1] : nil
        switch line.keyword {
        case "protocol", "inhibit_on_failure", "ip_family", "delay_loop", "retry",
            "delay_before_retry", "connect_timeout", "virtualhost", "nb_get_retry":
            settings.read(line, object, &converted)
        case "lb_algo", "lvs_sched":
            part.scheduler = value.flatMap(Scheduler.init(rawValue:))
            if part.scheduler == nil {
                converted.leaveOut(
                    line.line,
                    object,
                    "\(line.title): is unknown; the mode's own scheduler is used"
                )
            }
        case "lb_kind", "lvs_method":
            forwarding = method(line, object) ?? forwarding
        case "mh-port":
            part.hashesSourcePort = true
        case "persistence_timeout":
            let seconds = value.map { Int($0) } ?? Self.standardPersistence
            guard let seconds, seconds > 0 else {
                converted.leaveOut(
                    line.line,
                    object,
                    "\(line.title): is not a number of seconds; clients are not kept with their endpoint"
                )
                return
            }
            part.affinity = .persistence(seconds, line.line, object, &converted)
        default:
            KeepalivedLosses.name(line, object, &converted)
        }
    }

    private mutating func readServer(_ line: KeepalivedStatement, _ part: inout VirtualServerPart) {
        let port =
            line.words.count > 2
            ? Int(line.words[2]).flatMap { PortNumber($0) } : part.key.socket.port
        guard (2...3).contains(line.words.count), let address = IPAddress(line.words[1]), let port
        else {
            converted.leaveOut(
                line.line,
                "\(part.key)",
                "\(line.title): needs an address and a port; it is left out"
            )
            return
        }
        var server = VirtualServerPart.Server(
            line: line.line,
            socket: SocketAddress(address, port),
            forwarding: forwarding
        )
        let object = "\(part.key): real server \(server.socket)"
        var own = settings
        var checkers: [KeepalivedStatement] = []
        for setting in line.block ?? [] {
            switch setting.keyword {
            case "weight": readWeight(setting, object, &server)
            case "lb_kind", "lvs_method":
                server.forwarding = method(setting, object) ?? server.forwarding
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
            transport: part.key.transport
        )
        checks.append(KeepalivedCheck.first(of: checkers, own, place, &converted))
        part.servers.append(server)
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
                "\(line.title): is not in 0...65535; it gets no new connections"
            )
            server.weight = 0
            return
        }
        server.weight = UInt32(weight)
    }

    private mutating func method(_ line: KeepalivedStatement, _ object: String) -> Forwarding? {
        switch line.words.count > 1 ? line.words[1] : "" {
        case "NAT": return .nat
        case "DR": return .direct
        case "TUN":
            if line.words.count > 2, line.words[2...] != ["type", "ipip"] {
                converted.leaveOut(
                    line.line,
                    object,
                    "\(line.title): no equal; the tunnel is IP-in-IP"
                )
            }
            return .tunnel
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
