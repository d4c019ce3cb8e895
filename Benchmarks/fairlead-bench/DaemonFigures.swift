/// What is measured of a daemon at one size, and its way through a pipe.
struct DaemonFigures {
    /// Seconds, MiB (1024 KiB), bytes or a number.
    enum Name: String, CaseIterable {
        /// Until the first, the last and a middle Service answer.
        case startWall, startCPU
        /// Right after that.
        case firstChange
        /// Changes of one endpoint each, far apart; what it took for one.
        case loneMedian, loneWorst, loneCPU, loneOperations
        /// The same at a steady rate.
        case changeMedian, changeP99, changeWorst, changeCPU, changeOperations
        case burstWall, burstCPU
        case restCPU
        /// For one change, from the first lone one to the end of the rest.
        case changeBytes
        /// Resident: after the start, the most in it, after the rest, the most in all.
        case steadyMiB, startPeakMiB, afterMiB, peakMiB
        /// Until all Services answer again after another program has emptied the tables.
        case flushMedian, flushWorst, flushCPU
        /// Until a change is in force that came while there was no daemon; what the first pass sent.
        case restartWall, restartCPU, restartOperations
        /// The same where nothing changed meanwhile.
        case idleRestartOperations

        /// Only Fairlead says it.
        fileprivate var isOptional: Bool {
            switch self {
            case .loneOperations, .changeOperations, .restartOperations, .idleRestartOperations,
                .flushMedian, .flushWorst, .flushCPU:
                true
            default: false
            }
        }
    }

    private var values: [Name: Double] = [:]

    init() {}

    subscript(name: Name) -> Double? {
        get { values[name] }
        set { values[name] = newValue }
    }

    /// A line for each figure.
    var text: String {
        values.map { "\($0.key.rawValue) \($0.value)" }.sorted().joined(separator: "\n")
    }

    /// Reads `text` back; all that every daemon has must be there.
    init(_ text: String) throws {
        for line in text.split(separator: "\n") {
            let words = line.split(separator: " ")
            guard words.count == 2, let name = Name(rawValue: String(words[0])),
                let value = Double(words[1])
            else { throw BenchFailure("not a figure: \(line)") }
            values[name] = value
        }
        let missing = Name.allCases.first { values[$0] == nil && !$0.isOptional }
        if let missing { throw BenchFailure("no figure for \(missing.rawValue)") }
    }
}
