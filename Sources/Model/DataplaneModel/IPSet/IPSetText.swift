import Addressing

extension IPSetEntry: CustomStringConvertible {
    /// As `ipset save` prints it: `10.96.0.10,tcp:80`, `198.51.100.20,tcp:80,203.0.113.0/24`, `80`.
    package var description: String {
        switch self {
        case .address(let address): "\(address)"
        case .frontend(let socket, let transport):
            "\(socket.address),\(transport.keyword):\(socket.port)"
        case .frontendSource(let socket, let transport, let source):
            "\(socket.address),\(transport.keyword):\(socket.port),"
                + (source.isSingleAddress ? "\(source.address)" : "\(source)")
        case .port(let port): "\(port)"
        }
    }
}

extension IPSet {
    /// The lines of `ipset save` for the set and its entries, in sorted order, as input of `ipset
    /// restore`.
    package var saveLines: [String] {
        [creationLine] + sortedEntries.map { additionLine($0) }
    }

    /// `create NAME hash:ip,port family inet hashsize 1024 maxelem 2048`.
    package var creationLine: String {
        let marks = carriesMarks ? " skbinfo" : ""
        if kind == .port { return "create \(name) bitmap:port range 0-65535\(marks)" }
        let size = IPSet.capacity(for: entries.count)
        return
            "create \(name) \(kind.rawValue) family \(family == .ipv4 ? "inet" : "inet6")"
            + " hashsize 1024 maxelem \(size)\(marks)"
    }

    package func additionLine(_ entry: IPSetEntry) -> String {
        "add \(name) \(entry)" + Self.markText(entries[entry] ?? 0)
    }

    /// Empty for a set without marks.
    static func markText(_ mark: UInt32) -> String {
        mark == 0 ? "" : " skbmark 0x\(String(mark, radix: 16))"
    }
}
