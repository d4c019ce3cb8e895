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
    private var weight = EndpointWeight.standard
    private var settings = KeepalivedCheckSettings()
    private var checks: [KeepalivedCheck?] = []
    /// Settings whose meaning depends on others.
    private var flags: [KeepalivedStatement] = []
    private var granularity: KeepalivedStatement?

    /// `sockets` are the addresses that the block is for; the part is that of the first.
    init(_ statement: KeepalivedStatement, _ sockets: [SocketAddress]) {
        guard let socket = sockets.first else { return }
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
        readDependent(&part)
        // After what holds for all of them, wherever that stands.
        let common = KeepalivedRealServer.Common(
            ports: Set(sockets.map(\.port)),
            forwarding: forwarding,
            weight: weight,
            settings: settings
        )
        for line in block where line.keyword == "real_server" {
            var reader = KeepalivedRealServer(common, part.key)
            if let server = reader.read(line) {
                part.servers.append(server)
                checks.append(reader.check)
            }
            converted.findings += reader.converted.findings
        }
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
            forwarding = Forwarding(keepalived: line, object, &converted) ?? forwarding
        case "weight":
            guard let weight = value.flatMap({ UInt32($0) }), (1...65535).contains(weight) else {
                converted.leaveOut(
                    line.line,
                    object,
                    "\(line.title): is not in 1...65535; \(self.weight) stays the default"
                )
                return
            }
            self.weight = weight
        case "mh-port":
            part.hashesSourcePort = true
        case "flag-1", "flag-2", "flag-3": flags.append(line)
        case "persistence_granularity": granularity = line
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

    /// Settings that mean something else with others, wherever those stand.
    private mutating func readDependent(_ part: inout VirtualServerPart) {
        let object = "\(part.key)"
        for flag in flags {
            // The second flag of mh is mh-port, that of sh is sh-port.
            if flag.keyword == "flag-2", part.scheduler == .mh {
                part.hashesSourcePort = true
            } else {
                KeepalivedLosses.name(flag, object, &converted)
            }
        }
        guard let granularity else { return }
        let mask = granularity.words.count == 2 ? granularity.words[1] : ""
        guard IPAddress(mask)?.family == .ipv4 || Int(mask).map((1...128).contains) == true else {
            converted.leaveOut(
                granularity.line,
                object,
                "\(granularity.title): is neither a mask nor a length of a prefix; it is left out"
            )
            return
        }
        if part.affinity == .none {
            let seconds = Self.standardPersistence
            part.affinity = .persistence(seconds, granularity.line, object, &converted)
            converted.note(
                granularity.line,
                object,
                "persistence_granularity without persistence_timeout means one of \(seconds) s"
            )
        }
        guard mask != "255.255.255.255", mask != "128" else { return }
        converted.leaveOut(
            granularity.line,
            object,
            "\(granularity.title): no equivalent; affinity is by each client's own address"
        )
    }
}
