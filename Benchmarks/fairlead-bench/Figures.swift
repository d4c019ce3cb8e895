/// Everything measured at one size, and its way through a pipe.
struct Figures {
    enum Work: String, CaseIterable {
        /// First full programming by Fairlead.
        case full
        /// One endpoint less or more, by Fairlead.
        case change
        /// The kernel alone, for the same.
        case fullFloor
        case changeFloor
        /// Selecting and planning, without the kernel.
        case planAll
        case planOne
        /// iptables-restore with the usual layout.
        case classicFull
        case classicChange
    }

    private var costs: [Work: [Cost]] = [:]
    var peakMiB = 0.0
    var natBytes = 0
    var filterBytes = 0

    init() {}

    subscript(work: Work) -> [Cost] {
        get { costs[work, default: []] }
        set { costs[work] = newValue }
    }

    /// The median by CPU time; nil if it was not measured.
    func median(_ work: Work) -> Cost? {
        self[work].isEmpty ? nil : Cost.median(self[work])
    }

    /// How many times the CPU time of `other` this work took, by medians.
    func ratio(_ work: Work, to other: Work) -> Double? {
        guard let one = median(work), let other = median(other), other.cpu > 0 else { return nil }
        return one.cpu / other.cpu
    }

    // MARK: - Text

    /// A line for each figure: a word and numbers.
    var text: String {
        var lines = ["memory \(peakMiB) \(natBytes) \(filterBytes)"]
        for (work, all) in costs {
            lines += all.map { "\(work.rawValue) \($0.cpu) \($0.wall)" }
        }
        return lines.joined(separator: "\n")
    }

    /// Reads `text` back.
    init(_ text: String) throws {
        for line in text.split(separator: "\n") {
            let words = line.split(separator: " ")
            let numbers = words.dropFirst().compactMap { Double($0) }
            if words[0] == "memory", numbers.count == 3 {
                peakMiB = numbers[0]
                natBytes = Int(numbers[1])
                filterBytes = Int(numbers[2])
            } else if let work = Work(rawValue: String(words[0])), numbers.count == 2 {
                self[work].append(Cost(cpu: numbers[0], wall: numbers[1]))
            } else {
                throw BenchFailure("not a figure: \(line)")
            }
        }
    }
}
