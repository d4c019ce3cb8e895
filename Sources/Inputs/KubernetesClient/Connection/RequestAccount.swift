import Synchronization

/// Accounts for one request and reports it once.
final class RequestAccount: Sendable {
    private struct State {
        var code: UInt?
        var isReported = false
    }

    private let request: APIRequest
    private let server: ServerAddress
    private let heldBack: Duration
    private let start = ContinuousClock.now
    private let observe: @Sendable (RequestOutcome) -> Void
    private let state = Mutex(State())

    init(
        _ request: APIRequest,
        to server: ServerAddress,
        _ heldBack: Duration,
        _ observe: @escaping @Sendable (RequestOutcome) -> Void
    ) {
        self.request = request
        self.server = server
        self.heldBack = heldBack
        self.observe = observe
    }

    var isAnswered: Bool { state.withLock { $0.code != nil } }

    /// The response headers have arrived. A watch runs for minutes and is reported now.
    func answered(_ code: UInt) {
        state.withLock { $0.code = code }
        if request.isWatch { close(receivedBytes: 0) }
    }

    func close(receivedBytes: Int) {
        let code: UInt?? = state.withLock { state in
            guard !state.isReported else { return nil }
            state.isReported = true
            return .some(state.code)
        }
        guard let code else { return }
        observe(
            RequestOutcome(
                server: server.authority,
                method: request.content?.method.rawValue ?? "GET",
                isWatch: request.isWatch,
                code: code.map { Int($0) },
                duration: start.duration(to: .now),
                heldBack: heldBack,
                sentBytes: request.content?.bytes.count ?? 0,
                receivedBytes: receivedBytes
            )
        )
    }
}
