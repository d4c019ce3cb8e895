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

    /// From lines with a name and a value each; nil without the name of the set.
    init?(_ text: String) {
        var values: [Substring: Substring] = [:]
        for line in text.split(separator: "\n") {
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
