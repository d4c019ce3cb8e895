import Foundation
import NamespaceLab
import SoakJudging
import Synchronization

/// A client that connects to all targets all the time; a thread reads what it says.
final class SoakClient: Sendable {
    private struct State {
        var outcomes: [Outcome] = []
        var process: Int32 = 0
        var isStopping = false
        /// Why it ended, if it was not stopped.
        var failure: String?
    }

    let name: String
    private let state = Mutex(State())

    /// `entering` is what starts it, before its own words.
    init(
        _ name: String,
        in namespace: String,
        targets: [String],
        rate: Int,
        firstPort: Int = 1024,
        entering: [String] = []
    ) {
        self.name = name
        let words =
            entering + BuiltProgram.agent + ["flow", "--rate", "\(rate)"]
            + ["--first-port", "\(firstPort)"] + targets
        Thread.detachNewThread { self.read(words, namespace) }
    }

    /// What it has said since the last call. Throws if it has ended by itself.
    func take() throws -> [Outcome] {
        try state.withLock { state in
            if let failure = state.failure { throw LabError("client \(name): \(failure)") }
            defer { state.outcomes = [] }
            return state.outcomes
        }
    }

    func stop() {
        let process = state.withLock { state in
            state.isStopping = true
            return state.process
        }
        if process > 0 { kill(process, SIGTERM) }
    }

    private func read(_ words: [String], _ namespace: String) {
        do {
            let process = try LabProcess(words, in: namespace)
            state.withLock { $0.process = process.pid }
            while let line = try process.readLine(Deadline(in: .seconds(60))) {
                guard let outcome = Outcome(line, client: name) else { throw LabError(line) }
                state.withLock { $0.outcomes.append(outcome) }
            }
            throw LabError("ended")
        } catch {
            state.withLock { if !$0.isStopping { $0.failure = "\(error)" } }
        }
    }
}
