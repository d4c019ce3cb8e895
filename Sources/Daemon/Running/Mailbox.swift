import HealthChecking
import KubernetesClient
package import Reconciling
import ServiceModel
import Synchronization

/// The events that wait for the daemon's loop: at most one of each kind, in order of arrival, so that
/// no queue builds up during a long pass. A stop comes first.
///
/// An update of a source joins the one that has not been read yet; ticks, wakes and reloads are one
/// each, however many came. Each request for confirmation waits on its own and is answered once.
package final class Mailbox: Sendable {
    fileprivate enum Kind {
        case files
        case cluster
        case memory
        case health
        case tick
        case noticed
        case wake
        case reload
        case stop
        case confirm
    }

    fileprivate struct State {
        var order: [Kind] = []
        var events: [Kind: DaemonEvent] = [:]
        var confirms: [ConfirmID] = []
        var answers: [ConfirmID: CheckedContinuation<Int?, Never>] = [:]
        var lastConfirm: UInt64 = 0
        var reader: CheckedContinuation<DaemonEvent?, Never>?
        var isClosed = false
        var isStopping = false
        var stopAction: (@Sendable () -> Void)?
    }

    private let state = Mutex(State())

    package init() {}

    /// Adds an unsolicited event; ignored once the mailbox is closed.
    package func send(_ event: DaemonEvent) {
        let isStop = if case .stop = event { true } else { false }
        let (delivery, action) = state.withLock {
            state -> ((@Sendable () -> Void)?, (@Sendable () -> Void)?) in
            guard !state.isClosed else { return (nil, nil) }
            if isStop { state.isStopping = true }
            state.put(event)
            return (state.delivery(), isStop ? state.stopAction : nil)
        }
        // The reader may be busy with what this ends.
        action?()
        delivery?()
    }

    /// A stop has come.
    var isStopping: Bool { state.withLock { $0.isStopping } }

    /// An event waits that may ask for a pass, or for an answer.
    var hasNews: Bool { state.withLock { $0.order.contains(where: \.isNews) } }

    /// Runs `action` when a stop comes, at once if one has come: before it is read.
    func whenStopping(_ action: @escaping @Sendable () -> Void) {
        let isStopping = state.withLock { state in
            state.stopAction = action
            return state.isStopping
        }
        if isStopping { action() }
    }

    /// Confirms what the removal guard holds; returns how many Services were held, or nil if the daemon
    /// stops first.
    package func confirm() async -> Int? {
        await withCheckedContinuation { answer in
            let delivery: (@Sendable () -> Void)? = state.withLock { state in
                guard !state.isClosed else { return { answer.resume(returning: nil) } }
                state.lastConfirm += 1
                let id = ConfirmID(state.lastConfirm)
                state.answers[id] = answer
                state.put(.confirm(id))
                return state.delivery()
            }
            delivery?()
        }
    }

    package func answer(_ id: ConfirmID, _ count: Int?) {
        state.withLock { $0.answers.removeValue(forKey: id) }?.resume(returning: count)
    }

    /// Waits for the next event; nil once the mailbox is closed. For one reader.
    package func next() async -> DaemonEvent? {
        await withCheckedContinuation { reader in
            let delivery: (@Sendable () -> Void)? = state.withLock { state in
                guard !state.isClosed else { return { reader.resume(returning: nil) } }
                state.reader = reader
                return state.delivery()
            }
            delivery?()
        }
    }

    /// Closes the mailbox: present and later requests for confirmation are answered with nil.
    package func close() {
        let (answers, reader) = state.withLock { state in
            state.isClosed = true
            defer { (state.answers, state.reader) = ([:], nil) }
            return (Array(state.answers.values), state.reader)
        }
        for answer in answers { answer.resume(returning: nil) }
        reader?.resume(returning: nil)
    }
}

extension Mailbox.State {
    fileprivate mutating func put(_ event: DaemonEvent) {
        guard let kind = Mailbox.Kind(event) else { return }
        if kind == .confirm, case .confirm(let id) = event { confirms.append(id) }
        // Taken out, so that its content is changed in place and not copied for each event that joins it.
        guard var unread = events.removeValue(forKey: kind) else {
            events[kind] = event
            // No further pass begins before a stop.
            order.insert(kind, at: kind == .stop ? 0 : order.endIndex)
            return
        }
        unread.join(event)
        events[kind] = unread
    }

    /// Resumes the reader with the next event, if there are both. Call it without the lock.
    fileprivate mutating func delivery() -> (@Sendable () -> Void)? {
        guard let reader, !order.isEmpty else { return nil }
        self.reader = nil
        let kind = order.removeFirst()
        var event = events.removeValue(forKey: kind)
        if kind == .confirm {
            event = .confirm(confirms.removeFirst())
            if !confirms.isEmpty { put(again: .confirm) }
        }
        return { [event] in reader.resume(returning: event) }
    }

    private mutating func put(again kind: Mailbox.Kind) {
        order.append(kind)
        events[kind] = .confirm(confirms[0])
    }
}

extension Mailbox.Kind {
    /// Nil for answers to effects, which go to the loop directly.
    fileprivate init?(_ event: DaemonEvent) {
        switch event {
        case .arrived(.files): self = .files
        case .arrived(.cluster): self = .cluster
        case .arrived(.memory): self = .memory
        case .probed: self = .health
        case .tick: self = .tick
        case .noticed: self = .noticed
        case .wake: self = .wake
        case .confirm: self = .confirm
        case .reload: self = .reload
        case .stop: self = .stop
        case .started, .looked, .learned, .loaded, .reconfigured, .passed: return nil
        }
    }
}

extension Mailbox.Kind {
    /// Something has happened beside that time passes.
    fileprivate var isNews: Bool {
        switch self {
        case .tick, .wake: false
        case .files, .cluster, .memory, .health, .noticed, .reload, .stop, .confirm: true
        }
    }
}

extension DaemonEvent {
    /// Makes this event and a later one of the same kind one.
    fileprivate mutating func join(_ later: DaemonEvent) {
        switch (self, later) {
        case (.arrived(.files(var update)), .arrived(.files(let later))):
            // The only owner of its content changes it in place.
            self = .tick
            update.join(later)
            self = .arrived(.files(update))
        case (.arrived(.cluster(var update)), .arrived(.cluster(let later))):
            self = .tick
            update.join(later)
            self = .arrived(.cluster(update))
        case (.probed(let changes), .probed(let later)):
            let targets = Set(later.map(\.target))
            self = .probed(changes.filter { !targets.contains($0.target) } + later)
        // A signal takes precedence over a change of the file.
        case (.reload(.signal), .reload): break
        default: self = later
        }
    }
}

extension KubernetesUpdate {
    /// Adds a later update.
    mutating func join(_ later: KubernetesUpdate) {
        update.join(later.update)
        node = later.node
        serviceCIDRs = later.serviceCIDRs
        otherNodes = later.otherNodes
        triggers.merge(later.triggers, uniquingKeysWith: +)
        unanswered = later.unanswered
        times = .joined(times, later.times)
    }
}
