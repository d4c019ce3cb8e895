import Addressing
import PrintableText
import ServiceModel

/// Converts the virtual servers of keepalived.conf.
struct KeepalivedFile {
    /// A range of addresses with more is left out: each address becomes a Service.
    private static let mostAddresses = 256
    /// A virtual server with more, counted for each of its addresses, is left out.
    private static let mostEndpoints = 1_000_000

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
        case "include", "includea", "includer", "includem", "includew", "includeb":
            converted.leaveOut(
                statement.line,
                "",
                "\(statement.title): not followed; convert that file, too"
            )
        case let word where word.hasPrefix("$"):
            converted.leaveOut(
                statement.line,
                "",
                "\(statement.title): parameters are not replaced; lines that use one are not understood"
            )
        case let word where word.hasPrefix("@") || word.hasPrefix("~"):
            converted.leaveOut(
                statement.line,
                "",
                "\(statement.title): conditional and repeated lines are not taken"
            )
        case "SSL":
            converted.leaveOut(
                statement.line,
                "",
                "SSL: no equal; HTTPS probes show no certificate of their own"
            )
        default:
            converted.note(
                statement.line,
                "",
                "\(statement.title): not about Services; it stays with keepalived"
            )
        }
    }

    private mutating func takeServer(_ statement: KeepalivedStatement) {
        let sockets: [(socket: SocketAddress, line: Int)]
        switch statement.words.count > 1 ? statement.words[1] : "" {
        case "fwmark":
            converted.leaveOut(
                statement.line,
                "",
                "\(statement.title): firewall marks have no equal; it is left out"
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
        let server = KeepalivedServer(statement, sockets.first?.socket)
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
        guard entry.keyword != "fwmark" else {
            converted.leaveOut(
                entry.line,
                "",
                "\(entry.title): firewall marks have no equal; it is left out"
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
                "\(entry.title): stands for every port, which has no equal; it is left out"
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
