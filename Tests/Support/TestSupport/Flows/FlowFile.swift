import Addressing
package import PacketTracing

/// Hand-written expectations of where packets go (`flows.txt`).
///
///     # The node's own addresses, and links by address range; before the first flow.
///     local 192.0.2.1 2001:db8::1
///     link cni0 10.244.1.0/24
///
///     10.244.1.7 -> 10.96.0.10:80/tcp = 10.180.1.1:8080, 10.180.2.1:8080
///     10.180.1.1 -> 10.96.0.10:80/tcp = 10.180.1.1:8080 1/2 masq, 10.180.2.1:8080 1/2
///     198.51.100.9 via eth0 -> 192.0.2.1:30080/tcp = 10.180.1.1:8080; masq sticky
///     10.244.1.7 -> 10.96.0.11:80/tcp = REJECT
///     10.244.1.7 -> 10.96.0.10/icmp = UNTOUCHED !ipvs(the address is on the node there)
///
/// A flow is `FROM [via INTERFACE] -> TO = OUTCOME [@mode,mode] [!mode(reason)]`. An outcome is
/// `REJECT`, `DROP`, `UNTOUCHED [masq]`, or a list of endpoints: `ADDRESS:PORT [SHARE] [masq]`,
/// with `; masq` behind the list for all of them and `; sticky` for session affinity. Shares are
/// `1/3` or `33.3%`, for all endpoints or for none, which means equal ones.
///
/// A flow also holds where the socket level serves the client, except that its source is never
/// rewritten there; `!socket(reason)` says that it does not, and `@socket` that it holds only there.
package struct FlowFile: Sendable, Hashable {
    package var network: NodeNetwork
    package var flows: [FlowExpectation]

    package init(network: NodeNetwork = NodeNetwork(), flows: [FlowExpectation] = []) {
        self.network = network
        self.flows = flows
    }

    /// Reports all faulty lines at once.
    package init(parsing text: String) throws(FlowFileError) {
        self.init()
        var faults: [FlowFileError.Fault] = []
        // A line break of CR and LF is one character.
        for (index, line) in text.split(
            omittingEmptySubsequences: false,
            whereSeparator: \.isNewline
        )
        .enumerated() {
            let content = line.prefix { $0 != "#" }.trimmingBlanks()
            if content.isEmpty { continue }
            do {
                try add(content, line: index + 1)
            } catch {
                faults.append(FlowFileError.Fault(line: index + 1, message: error.message))
            }
        }
        if !faults.isEmpty { throw FlowFileError(faults: faults) }
    }

    private mutating func add(_ content: Substring, line: Int) throws(FlowSyntaxError) {
        let words = content.words
        switch words[0] {
        case "local":
            try requireHeader()
            for word in words.dropFirst() {
                guard let address = IPAddress(String(word)) else {
                    throw FlowSyntaxError("'\(word)' is not an address")
                }
                network.localAddresses.insert(address)
            }
        case "link":
            try requireHeader()
            guard words.count > 2 else { throw FlowSyntaxError("write: link NAME PREFIX …") }
            for word in words.dropFirst(2) {
                guard let prefix = IPPrefix(String(word)) else {
                    throw FlowSyntaxError("'\(word)' is not an address range")
                }
                network.attachments.append(
                    NodeNetwork.Attachment(prefix, interface: String(words[1]))
                )
            }
        default:
            flows.append(try FlowExpectation(parsing: content, line: line))
        }
    }

    private func requireHeader() throws(FlowSyntaxError) {
        guard flows.isEmpty else {
            throw FlowSyntaxError("'local' and 'link' come before the first flow")
        }
    }
}

/// Faulty lines of a flow file.
package struct FlowFileError: Error, Sendable, Hashable, CustomStringConvertible {
    /// One of them.
    package struct Fault: Sendable, Hashable {
        package var line: Int
        package var message: String

        package init(line: Int, message: String) {
            self.line = line
            self.message = message
        }
    }

    package var faults: [Fault]

    package init(faults: [Fault]) {
        self.faults = faults
    }

    package var description: String {
        faults.map { "line \($0.line): \($0.message)" }.joined(separator: "\n")
    }
}

/// What is wrong in one line.
struct FlowSyntaxError: Error {
    let message: String

    init(_ message: String) {
        self.message = message
    }
}

extension Substring {
    /// Split at blanks.
    var words: [Substring] { split(whereSeparator: \.isWhitespace) }

    func trimmingBlanks() -> Substring {
        guard let last = lastIndex(where: { !$0.isWhitespace }) else { return self[..<startIndex] }
        return self[...last].drop(while: \.isWhitespace)
    }
}
