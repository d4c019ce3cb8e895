import Synchronization

/// The rests of lists that were asked for in pages; old ones expire.
final class ListPages: Sendable {
    struct Rest {
        var objects: ArraySlice<ClusterObject>
        var version: Int
    }

    private static let limit = 32

    private let state = Mutex<(rests: [Int: Rest], next: Int)>(([:], 1))

    /// The token for the next page.
    func keep(_ objects: ArraySlice<ClusterObject>, version: Int) -> String {
        state.withLock { state in
            let number = state.next
            state.next += 1
            state.rests[number] = Rest(objects: objects, version: version)
            state.rests[number - Self.limit] = nil
            return "page-\(number)"
        }
    }

    func take(_ token: String) -> Rest? {
        guard let number = Int(token.dropFirst("page-".count)) else { return nil }
        return state.withLock { $0.rests[number] }
    }
}
