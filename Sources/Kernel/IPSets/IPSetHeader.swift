import Addressing
import DataplaneModel

/// A set without its entries, as libipset prints it.
struct IPSetHeader {
    var name: String
    private var kind: IPSetKind?
    /// Nil for sets without addresses.
    private var family: IPFamily?
    private(set) var elements = 0
    private(set) var carriesMarks = false
    /// `maxelem`, or the size of a range.
    private(set) var capacity = 0
    /// There is an option that Fairlead never sets.
    private var hasUnexpectedOption = false

    /// A set of whose type, or its revision, libipset knows nothing.
    init(unreadable name: String) { self.name = name }

    /// What libipset prints of each set, line by line.
    private static let titles = [
        "Name: ", "Type: ", "Revision: ", "Header:", "Size in memory: ", "References: ",
        "Number of entries: ",
    ]

    /// From the text of all sets, with a blank line between two: those for whose names `owns` is true. Nil if
    /// the text is of another form, as with a line break in a name.
    static func all(in text: String, owns: (String) -> Bool) -> [IPSetHeader]? {
        var headers: [IPSetHeader] = []
        let newline = UInt8(ascii: "\n")
        var lines = text.utf8.split(separator: newline, omittingEmptySubsequences: false)
            .map { Substring($0) }[...]
        // Each line has an end.
        guard lines.popLast()?.isEmpty == true else { return nil }
        while !lines.isEmpty {
            let set = lines.prefix { !$0.isEmpty }
            lines = lines.dropFirst(set.count + 1)
            guard set.count == titles.count, zip(set, titles).allSatisfy({ $0.hasPrefix($1) })
            else { return nil }
            let name = String(set[set.startIndex].dropFirst(titles[0].count))
            guard owns(name) else { continue }
            guard let header = IPSetHeader(set) else { return nil }
            headers.append(header)
        }
        return headers
    }

    /// From the text of one set; nil without its name.
    init?(_ text: String) {
        self.init(text.split(separator: "\n")[...])
    }

    /// From lines with a name and a value each.
    private init?(_ lines: ArraySlice<Substring>) {
        var values: [Substring: Substring] = [:]
        for line in lines {
            let name = line.prefix { $0 != ":" }
            values[name] = line.dropFirst(name.count + 2)
        }
        guard let name = values["Name"] else { return nil }
        self.name = String(name)
        kind = values["Type"].flatMap { IPSetKind(rawValue: String($0)) }
        elements = values["Number of entries"].flatMap { Int($0) } ?? 0
        readOptions(values["Header"] ?? "")
    }

    private mutating func readOptions(_ text: Substring) {
        var rest = text.split(separator: " ")[...]
        while let option = rest.popFirst() {
            switch option {
            case "family": family = rest.popFirst() == "inet6" ? .ipv6 : .ipv4
            case "maxelem": capacity = rest.popFirst().flatMap { Int($0) } ?? 0
            case "range":
                let ports = (rest.popFirst() ?? "").split(separator: "-").compactMap { UInt16($0) }
                guard let first = ports.first, let last = ports.last, first <= last else {
                    continue
                }
                capacity = Int(last - first) + 1
                if ports != [0, 65535] { hasUnexpectedOption = true }
            case "skbinfo": carriesMarks = true
            case "hashsize", "bucketsize", "initval": _ = rest.popFirst()
            default: hasUnexpectedOption = true
            }
        }
    }

    /// False for a type whose entries have an unknown form.
    var isKnown: Bool { kind != nil }

    /// The set without its entries; `family` is for a set without addresses.
    func set(_ family: IPFamily) -> IPSet {
        IPSet(
            IPSetName(name),
            kind: kind ?? .address,
            family: self.family ?? family,
            carriesMarks: carriesMarks,
            capacity: capacity,
            hasUnexpectedProperty: !isKnown || hasUnexpectedOption
        )
    }
}
