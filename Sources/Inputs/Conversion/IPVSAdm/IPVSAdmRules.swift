import Addressing
import PrintableText
import ServiceModel

/// Converts what `ipvsadm -Sn` or `ipvsadm-save -n` writes: one command for each virtual server and
/// for each real server.
struct IPVSAdmRules {
    /// The persistence that ipvsadm gives a virtual server with a bare `-p`.
    static let standardPersistence = 360

    private var converted = Converted()
    private var parts: [VirtualServerPart] = []
    private var indexes: [VirtualServerPart.Key: Int] = [:]
    /// Virtual servers that have no equivalent, so that their real servers are not named as well.
    private var refused: Set<String> = []

    static func convert(_ text: String) -> Converted {
        var rules = IPVSAdmRules()
        // Bytes, as a line's end of two characters is one Character.
        let lines = text.utf8.split(separator: 0x0a, omittingEmptySubsequences: false)
        for (index, line) in lines.enumerated() {
            rules.take(String(Substring(line)), index + 1)
        }
        for part in rules.parts {
            rules.converted.services.append(part.service(&rules.converted))
        }
        return rules.converted
    }

    private mutating func take(_ text: String, _ line: Int) {
        let words = text.split { $0 == " " || $0 == "\t" || $0 == "\r" }.map(String.init)
        guard let command = words.first, !command.hasPrefix("#") else { return }
        var options = IPVSAdmOptions(words.dropFirst())
        switch command {
        case "-A", "--add-service": addService(&options, line)
        case "-a", "--add-server": addServer(&options, line)
        default:
            converted.leaveOut(
                line,
                "",
                "\(quoted(command)) adds neither a virtual nor a real server; the line is left out"
            )
        }
    }

    // MARK: - Virtual servers

    private mutating func addService(_ options: inout IPVSAdmOptions, _ line: Int) {
        guard let key = key(&options, line) else { return }
        var part = VirtualServerPart(line: line, key: key)
        while let option = options.next() {
            read(option, &options, &part)
        }
        guard indexes[key] == nil else {
            converted.leaveOut(line, "\(key)", "given twice; the first one is used")
            return
        }
        indexes[key] = parts.count
        parts.append(part)
    }

    private mutating func read(
        _ option: String,
        _ options: inout IPVSAdmOptions,
        _ part: inout VirtualServerPart
    ) {
        let object = "\(part.key)"
        switch option {
        case "-s", "--scheduler":
            let name = options.value() ?? ""
            part.scheduler = Scheduler(rawValue: name)
            if part.scheduler == nil {
                converted.leaveOut(
                    part.line,
                    object,
                    "scheduler \(quoted(name)) is unknown; the mode's own is used"
                )
            }
        case "-p", "--persistent":
            let text = options.optionalValue()
            guard let seconds = text.map({ Int($0) }) ?? Self.standardPersistence, seconds > 0
            else {
                converted.leaveOut(
                    part.line,
                    object,
                    "persistence \(quoted(text ?? "")) is not a number of seconds; clients are not kept with their endpoint"
                )
                return
            }
            part.affinity = .persistence(seconds, part.line, object, &converted)
        case "-b", "--sched-flags":
            for flag in (options.value() ?? "").split(separator: ",") {
                readFlag(String(flag), &part)
            }
        case "-6", "--ipv6": break
        case "-M", "--netmask":
            let mask = options.value() ?? ""
            if mask != "255.255.255.255", mask != "128" {
                converted.leaveOut(
                    part.line,
                    object,
                    "-M \(printable(mask)): no equivalent; affinity is by each client's own address"
                )
            }
        case "-o", "--ops":
            converted.leaveOut(
                part.line,
                object,
                "-o: no equivalent; packets from one client port stay with one endpoint"
            )
        case "--pe":
            converted.leaveOut(
                part.line,
                object,
                "--pe \(printable(options.value() ?? "")): no equivalent; affinity is by the client's address"
            )
        default: unknown(option, part.line, object)
        }
    }

    /// Fairlead's `mh` hashes ports, its `sh` does not.
    private mutating func readFlag(_ flag: String, _ part: inout VirtualServerPart) {
        if flag == "mh-port" || (flag == "flag-2" && part.scheduler == .mh) {
            part.hashesSourcePort = true
            return
        }
        converted.leaveOut(
            part.line,
            "\(part.key)",
            "-b \(printable(flag)): no equivalent; the scheduler works without it"
        )
    }

    // MARK: - Real servers

    private mutating func addServer(_ options: inout IPVSAdmOptions, _ line: Int) {
        let name = options.serviceText
        guard let key = key(&options, line, isNamed: !refused.contains(name)) else { return }
        guard let index = indexes[key] else {
            converted.leaveOut(
                line,
                "\(key)",
                "a real server of a virtual server that is not above; it is left out"
            )
            return
        }
        guard let text = options.take("-r", "--real-server") else {
            converted.leaveOut(line, "\(key)", "-r is missing; the line is left out")
            return
        }
        // Without a port it listens on that of the virtual server.
        let socket =
            SocketAddress(parsing: text)
            ?? IPAddress(text).map { SocketAddress($0, key.socket.port) }
        guard let socket else {
            converted.leaveOut(
                line,
                "\(key)",
                "real server \(quoted(text)) is not an address and a port, as ipvsadm -Sn writes them; it is left out"
            )
            return
        }
        var server = VirtualServerPart.Server(line: line, socket: socket)
        // As ipvsadm, which routes directly unless told otherwise.
        server.forwarding = .direct
        while let option = options.next() {
            guard read(option, &options, key, &server) else { return }
        }
        parts[index].servers.append(server)
    }

    /// False, and a finding, if ipvsadm would refuse the line.
    private mutating func read(
        _ option: String,
        _ options: inout IPVSAdmOptions,
        _ key: VirtualServerPart.Key,
        _ server: inout VirtualServerPart.Server
    ) -> Bool {
        let object = "\(key): real server \(server.socket)"
        switch option {
        case "-g", "--gatewaying": server.forwarding = .direct
        case "-i", "--ipip": server.forwarding = .tunnel
        case "-m", "--masquerading": server.forwarding = .nat
        case "-w", "--weight":
            let text = options.value() ?? ""
            guard let weight = Int(text), EndpointWeight.range.contains(weight) else {
                converted.leaveOut(
                    server.line,
                    object,
                    "weight \(quoted(text)) is not in 0...65535, which ipvsadm refuses; the real server is left out"
                )
                return false
            }
            server.weight = UInt32(weight)
        case "-x", "--u-threshold", "-y", "--l-threshold":
            let value = options.value() ?? ""
            // What ipvsadm takes for no limit.
            guard value != "0" else { return true }
            converted.leaveOut(
                server.line,
                object,
                "\(option) \(printable(value)): no equivalent; its connections are not limited"
            )
        case "--tun-type":
            let type = options.value() ?? ""
            guard type != "ipip" else { return true }
            converted.leaveOut(
                server.line,
                object,
                "--tun-type \(printable(type)): no equivalent; the tunnel is IP-in-IP"
            )
        case "--tun-port":
            _ = options.value()
        case "--tun-nocsum", "--tun-csum", "--tun-remcsum": break
        default: unknown(option, server.line, object)
        }
        return true
    }

    private mutating func unknown(_ option: String, _ line: Int, _ object: String) {
        converted.leaveOut(line, object, "\(quoted(option)) is unknown; it is left out")
    }

    // MARK: - Keys

    /// The virtual server of a line; nil, and a finding, if it can be none of Fairlead's.
    private mutating func key(
        _ options: inout IPVSAdmOptions,
        _ line: Int,
        isNamed: Bool = true
    ) -> VirtualServerPart.Key? {
        let name = options.serviceText
        let kinds: [(String, String, TransportProtocol)] = [
            ("-t", "--tcp-service", .tcp), ("-u", "--udp-service", .udp),
            ("--sctp-service", "--sctp-service", .sctp),
        ]
        for (short, long, transport) in kinds {
            guard let text = options.take(short, long) else { continue }
            if let socket = SocketAddress(parsing: text) {
                return VirtualServerPart.Key(socket: socket, transport: transport)
            }
            if isNamed {
                let reason =
                    text.hasSuffix(":0")
                    ? "stands for every port, which has no equivalent"
                    : "is not an address and a port, as ipvsadm -Sn writes them"
                converted.leaveOut(line, "", "\(quoted(text)) \(reason); it is left out")
            }
            refused.insert(name)
            return nil
        }
        if isNamed {
            let mark = options.take("-f", "--fwmark-service")
            converted.leaveOut(
                line,
                "",
                mark.map {
                    "firewall mark \(printable($0)): no equivalent; the virtual server and its real servers are left out"
                } ?? "-t, -u or --sctp-service is missing; the line is left out"
            )
        }
        refused.insert(name)
        return nil
    }
}
