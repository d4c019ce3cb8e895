import Synchronization

/// The rests of lists that were asked for in pages; old ones expire.
final class ListPages: Sendable {
    struct Rest {
        var objects: ArraySlice<ClusterObject>
        var version: Int
    }

    private static let limit = 32

    /// A token of another server, or from before a restart, is refused: it would give the rest of
    /// another list.
    private let id = UInt64.random(in: 0 ... .max)
    private let state = Mutex<(rests: [Int: Rest], next: Int)>(([:], 1))

    /// The token for the next page.
    func keep(_ objects: ArraySlice<ClusterObject>, version: Int) -> String {
        state.withLock { state in
            let number = state.next
            state.next += 1
            state.rests[number] = Rest(objects: objects, version: version)
            state.rests[number - Self.limit] = nil
            return "\(id)-\(number)"
        }
    }

    func take(_ token: String) -> Rest? {
        let parts = token.split(separator: "-")
        guard parts.count == 2, parts[0] == "\(id)", let number = Int(parts[1]) else { return nil }
        return state.withLock { $0.rests[number] }
    }
}
