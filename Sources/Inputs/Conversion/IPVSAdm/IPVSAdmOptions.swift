/// The options of one command of ipvsadm, in any order.
struct IPVSAdmOptions {
    private var words: ArraySlice<String>

    init(_ words: ArraySlice<String>) {
        // `--option=value` is written as two words.
        self.words =
            words.flatMap { word -> [String] in
                guard word.hasPrefix("--"), let sign = word.firstIndex(of: "=") else {
                    return [word]
                }
                return [String(word[..<sign]), String(word[word.index(after: sign)...])]
            }[...]
    }

    /// What the line says of its virtual server, to recognise it in other lines.
    var serviceText: String {
        let names: Set = [
            "-t", "--tcp-service", "-u", "--udp-service", "--sctp-service", "-f",
            "--fwmark-service",
        ]
        guard let index = words.firstIndex(where: names.contains) else { return "" }
        return words[index...].prefix(2).joined(separator: " ")
    }

    /// Removes an option and returns its value; nil if it is absent or ends the line.
    mutating func take(_ short: String, _ long: String) -> String? {
        guard let index = words.firstIndex(where: { $0 == short || $0 == long }),
            index + 1 < words.endIndex
        else { return nil }
        let value = words[index + 1]
        words.removeSubrange(index...index + 1)
        return value
    }

    /// The next option.
    mutating func next() -> String? { words.popFirst() }

    /// The value of the option that came last.
    mutating func value() -> String? { words.popFirst() }

    /// The same for one that may have none.
    mutating func optionalValue() -> String? {
        guard let word = words.first, !word.hasPrefix("-") else { return nil }
        return words.popFirst()
    }
}
