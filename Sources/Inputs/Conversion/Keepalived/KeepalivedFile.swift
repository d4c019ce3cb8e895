import Addressing
import PrintableText
import ServiceModel

/// Converts the virtual servers of keepalived.conf.
struct KeepalivedFile {
    /// A range of addresses with more is left out: each address becomes a Service.
    private static let mostAddresses = 256
    /// A virtual server with more, counted for each of its addresses, is left out.
    private static let mostEndpoints = 1_000_000

    /// The keywords at the top of the file that are not about virtual servers.
    static let otherRoots: Set = [
        "global_defs", "instance", "use_pid_dir", "child_wait_time", "namespace_with_ipsets",
        "linkbeat_use_polling", "linkbeat_interfaces", "interface_up_down_delays", "garp_group",
        "static_ipaddress", "static_routes", "static_rules", "track_group", "track_file",
        "vrrp_instance", "vrrp_sync_group", "vrrp_script", "vrrp_track_process", "vrrp_track_file",
        "bfd_instance",
    ]

    private var converted = Converted()
    private var groups: [String: KeepalivedStatement] = [:]
    private var known: Set<VirtualServerPart.Key> = []

    static func convert(_ text: String) throws(KeepalivedText.Failure) -> Converted {
        let statements = try KeepalivedText.statements(text)
        var file = KeepalivedFile()
        for statement in statements where statement.keyword == "virtual_server_group" {
            file.takeGroup(statement)
        }
        for statement in statements { file.take(statement) }
        return file.converted
    }

    private mutating func takeGroup(_ statement: KeepalivedStatement) {
        guard statement.words.count == 2 else {
            converted.leaveOut(statement.line, "", "\(statement.title): needs one name")
            return
        }
        guard groups[statement.words[1]] == nil else {
            converted.leaveOut(
                statement.line,
                "",
                "\(statement.title): given twice; the first one is used"
            )
            return
        }
        groups[statement.words[1]] = statement
    }

    private mutating func take(_ statement: KeepalivedStatement) {
        switch statement.keyword {
        case "virtual_server": takeServer(statement)
        case "virtual_server_group": break
        case "SSL":
            converted.leaveOut(
                statement.line,
                "",
                "SSL: no equivalent; HTTPS probes show no certificate of their own"
            )
        case "net_namespace", "net_namespace_ipvs":
            converted.leaveOut(
                statement.line,
                "",
                "\(statement.title): no equivalent; Services are in the network namespace that Fairlead runs in"
            )
        case let word where Self.otherRoots.contains(word):
            converted.note(
                statement.line,
                "",
                "\(statement.title): not about Services; it stays with keepalived"
            )
        default:
            let isKnown = KeepalivedDirective.name(statement, "", isInBlock: false, &converted)
            guard !isKnown else { return }
            converted.leaveOut(statement.line, "", "\(statement.title): is unknown; it is left out")
        }
    }

    private mutating func takeServer(_ statement: KeepalivedStatement) {
        let sockets: [(socket: SocketAddress, line: Int)]
        switch statement.words.count > 1 ? statement.words[1] : "" {
        case "fwmark":
            converted.leaveOut(
                statement.line,
                "",
                "\(statement.title): firewall marks have no equivalent; it is left out"
            )
            return
        case "group":
            let name = statement.words.count > 2 ? statement.words[2] : ""
            guard let group = groups[name] else {
                converted.leaveOut(
                    statement.line,
                    "",
                    "\(statement.title): there is no virtual_server_group \(quoted(name)); it is left out"
                )
                return
            }
            sockets = (group.block ?? []).flatMap { entry in
                members(of: entry).map { ($0, entry.line) }
            }
        default:
            sockets = members(of: statement, words: Array(statement.words.dropFirst()))
                .map { ($0, statement.line) }
        }
        let server = KeepalivedServer(statement, sockets.map(\.socket))
        guard let first = server.part else {
            converted.findings += server.converted.findings
            return
        }
        guard sockets.count * first.servers.count <= Self.mostEndpoints else {
            converted.leaveOut(
                statement.line,
                "",
                "\(statement.title): stands for more than \(Self.mostEndpoints) endpoints; it is left out"
            )
            return
        }
        converted.findings += server.converted.findings
        var said: Set<String> = []
        for entry in sockets {
            var part = first
            part.key.socket = entry.socket
            guard known.insert(part.key).inserted else {
                converted.leaveOut(entry.line, "\(part.key)", "given twice; the first one is used")
                continue
            }
            var own = Converted()
            converted.services.append(part.service(&own))
            // What holds for all addresses is said of the first.
            converted.findings += own.findings.filter {
                said.insert("\($0.line): \($0.reason)").inserted
            }
        }
    }

    // MARK: - Addresses

    private mutating func members(of entry: KeepalivedStatement) -> [SocketAddress] {
        guard !KeepalivedDirective.name(entry, "", &converted) else { return [] }
        guard entry.keyword != "fwmark" else {
            converted.leaveOut(
                entry.line,
                "",
                "\(entry.title): firewall marks have no equivalent; it is left out"
            )
            return []
        }
        return members(of: entry, words: entry.words)
    }

    /// The addresses that `ADDRESS PORT` or `FIRST-LAST PORT` stands for.
    private mutating func members(
        of entry: KeepalivedStatement,
        words: [String]
    ) -> [SocketAddress] {
        guard words.count == 2, words[1] != "0" else {
            converted.leaveOut(
                entry.line,
                "",
                "\(entry.title): stands for every port, which has no equivalent; it is left out"
            )
            return []
        }
        guard let port = Int(words[1]).flatMap({ PortNumber($0) }) else {
            converted.leaveOut(
                entry.line,
                "",
                "\(entry.title): \(quoted(words[1])) is not a port; it is left out"
            )
            return []
        }
        do throws(AddressRange.Failure) {
            return try AddressRange.addresses(words[0], most: Self.mostAddresses)
                .map { SocketAddress($0, port) }
        } catch {
            converted.leaveOut(entry.line, "", "\(entry.title): \(error.reason); it is left out")
            return []
        }
    }
}
