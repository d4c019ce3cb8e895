import NIOCore
import Synchronization

/// The open connections of a server, and what gives way when there are too many.
///
/// A new client is always let in: whoever holds connections without using them loses the oldest, so
/// that clients who ask and read are served whatever the others do. Each kind of listener has connections of its
/// own: the clients of one take no place from those of another.
final class OpenConnections: Sendable {
    fileprivate struct Entry {
        let channel: any Channel
        /// The kind of listener.
        let kind: String
        /// Since when it waits for its client, in order of the events of all connections.
        var turn: UInt64
        /// Waits for the daemon, and so gives way last.
        var isAnswered = false
        /// The size of a response that its client has not read yet.
        var unread = 0
    }

    fileprivate struct State {
        var entries: [ObjectIdentifier: Entry] = [:]
        var unread = 0
        var turn: UInt64 = 0
    }

    private let limits: HTTPServer.Limits
    private let state = Mutex(State())

    init(_ limits: HTTPServer.Limits) {
        self.limits = limits
    }

    /// Lets a connection in. At the limit of its kind, that one of the kind is closed which has waited for its
    /// client longest, or if all wait for the daemon the one that has done so longest.
    func enter(_ channel: any Channel, kind: String) {
        let surplus = state.withLock { state -> (any Channel)? in
            var surplus: (any Channel)?
            let count = state.entries.values.count { $0.kind == kind }
            if count >= limits.connections {
                let oldest =
                    state.oldest { $0.kind == kind && !$0.isAnswered }
                    ?? state.oldest { $0.kind == kind }
                surplus = oldest.flatMap { state.remove($0) }
            }
            let entry = Entry(channel: channel, kind: kind, turn: state.nextTurn())
            state.entries[ObjectIdentifier(channel)] = entry
            return surplus
        }
        surplus?.close(promise: nil)
    }

    func leave(_ channel: any Channel) {
        _ = state.withLock { $0.remove(ObjectIdentifier(channel)) }
    }

    /// The client's request is complete.
    func expectsAnswer(_ channel: any Channel) {
        state.withLock { $0.entries[ObjectIdentifier(channel)]?.isAnswered = true }
    }

    /// The client is to read a response of so many bytes. Beyond the limit of all together, those that have
    /// waited longest for their clients are closed, never this one.
    func sends(_ bytes: Int, _ channel: any Channel) {
        let own = ObjectIdentifier(channel)
        let surplus = state.withLock { state -> [any Channel] in
            guard state.entries[own] != nil else { return [] }
            state.waits(own, unread: bytes)
            var surplus: [any Channel] = []
            while state.unread > limits.unreadBytes,
                let oldest = state.oldest(where: { $0.unread > 0 && $0.channel !== channel }),
                let removed = state.remove(oldest)
            {
                surplus.append(removed)
            }
            return surplus
        }
        for channel in surplus { channel.close(promise: nil) }
    }

    /// The client has read its response.
    func hasRead(_ channel: any Channel) {
        state.withLock { $0.waits(ObjectIdentifier(channel), unread: 0) }
    }
}

extension OpenConnections.State {
    fileprivate mutating func nextTurn() -> UInt64 {
        turn += 1
        return turn
    }

    /// A connection waits for its client from now on.
    fileprivate mutating func waits(_ connection: ObjectIdentifier, unread bytes: Int) {
        guard var entry = entries[connection] else { return }
        unread += bytes - entry.unread
        entry.turn = nextTurn()
        entry.isAnswered = false
        entry.unread = bytes
        entries[connection] = entry
    }

    /// Looks at all: there are few, and it is asked at the limit only.
    fileprivate func oldest(where mayGo: (OpenConnections.Entry) -> Bool) -> ObjectIdentifier? {
        entries.filter { mayGo($0.value) }.min { $0.value.turn < $1.value.turn }?.key
    }

    fileprivate mutating func remove(_ connection: ObjectIdentifier) -> (any Channel)? {
        guard let entry = entries.removeValue(forKey: connection) else { return nil }
        unread -= entry.unread
        return entry.channel
    }
}
