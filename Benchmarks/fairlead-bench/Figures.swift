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
        /// The usual layout by the usual tool: iptables-restore, nft.
        case classicFull
        case classicChange
        /// In ipvs mode the parts of full programming, then its usual tools, then netlink with one
        /// object a message and one message a send.
        case plan, sets, rules, servers, addresses
        case setsByTool, serversByTool, changeByTool
        case setsSingly, serversSingly, addressesSingly
        /// Full programming with one route for all ClusterIPs; that route; a route for each; one
        /// more address.
        case fullWithRange, range, routes, oneAddress
        /// Reading everything, and a pass that does so and finds nothing to do.
        case observe, fullAgain
        /// In nftables mode the system time in full programming, and hearing of one's own change.
        case fullSystem, listen
    }

    /// A figure that is not a time.
    enum Number: String {
        case peakMiB, peakReadingMiB, natBytes, filterBytes
        /// Netlink messages, and the sends they took.
        case fullMessages, fullSends, changeMessages, observeMessages, messagesSingly
        case changeElements
    }

    private var costs: [Work: [Cost]] = [:]
    private var numbers: [Number: Double] = [:]

    init() {}

    subscript(work: Work) -> [Cost] {
        get { costs[work, default: []] }
        set { costs[work] = newValue }
    }

    subscript(number: Number) -> Double? {
        get { numbers[number] }
        set { numbers[number] = newValue }
    }

    /// The median by CPU time; nil if it was not measured.
    func median(_ work: Work) -> Cost? {
        self[work].isEmpty ? nil : Cost.median(self[work])
    }

    /// The elapsed time of all these together, by medians, in seconds; nil if one was not measured.
    func elapsed(_ all: Work...) -> Double? {
        if all.contains(where: { self[$0].isEmpty }) { return nil }
        return all.reduce(0) { $0 + Cost.medianElapsed(self[$1]).wall }
    }

    /// All that was measured.
    var allCosts: [Cost] { costs.values.flatMap { $0 } }

    /// How many times the CPU time of `other` this work took, by medians.
    func ratio(_ work: Work, to other: Work) -> Double? {
        guard let one = median(work), let other = median(other), other.cpu > 0 else { return nil }
        return one.cpu / other.cpu
    }

    // MARK: - Text

    /// A line for each figure: a word and numbers.
    var text: String {
        var lines = numbers.map { "\($0.key.rawValue) \($0.value)" }
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
            if let number = Number(rawValue: String(words[0])), numbers.count == 1 {
                self[number] = numbers[0]
            } else if let work = Work(rawValue: String(words[0])), numbers.count == 2 {
                self[work].append(Cost(cpu: numbers[0], wall: numbers[1]))
            } else {
                throw BenchFailure("not a figure: \(line)")
            }
        }
    }
}
