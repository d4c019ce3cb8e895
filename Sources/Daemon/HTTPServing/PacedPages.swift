/// Makes pages that are dear one after the other and with pauses between them, so that many requests cost no more
/// than a share of a core.
///
/// Who asks during a pause waits for its end, and gets the same page as all others who wait for it. A page is
/// never older than the request for it.
package actor PacedPages {
    /// How many times as long as a page took to make the pause behind it is: making takes a tenth of the time.
    private static let pauseRatio = 9
    /// The longest pause. A page may take long because it waits for the kernel, which costs nothing.
    private static let longestPause = Duration.seconds(2)

    /// A clock that never goes back.
    package struct Clock: Sendable {
        var now: @Sendable () -> Duration
        var sleep: @Sendable (Duration) async -> Void

        package init(
            now: @escaping @Sendable () -> Duration,
            sleep: @escaping @Sendable (Duration) async -> Void
        ) {
            self.now = now
            self.sleep = sleep
        }

        /// Real time.
        package static var standard: Clock {
            let start = ContinuousClock.now
            // Nobody cancels the making of a page.
            let sleep = { @Sendable (pause: Duration) async in
                _ = try? await Task.sleep(for: pause)
            }
            return Clock(now: { start.duration(to: .now) }, sleep: sleep)
        }
    }

    private let clock: Clock
    /// Pages that are to be made, by name.
    private var waiting: [String: Task<HTTPResponse, Never>] = [:]
    /// The one that is to be made last.
    private var last: Task<HTTPResponse, Never>?
    /// When the pause ends.
    private var free = Duration.zero
    /// How often a page was asked for.
    private(set) var requests = 0

    package init(_ clock: Clock = .standard) {
        self.clock = clock
    }

    /// The page of that name, made by `make` at the next possible time after this call. All requests for a
    /// name must ask for the same.
    package func page(
        _ name: String,
        _ make: @escaping @Sendable () async -> HTTPResponse
    ) async -> HTTPResponse {
        requests += 1
        if let task = waiting[name] { return await task.value }
        let task = Task { [last] in
            _ = await last?.value
            return await self.make(name, make)
        }
        waiting[name] = task
        last = task
        return await task.value
    }

    private func make(
        _ name: String,
        _ make: @Sendable () async -> HTTPResponse
    ) async -> HTTPResponse {
        let pause = free - clock.now()
        if pause > .zero { await clock.sleep(pause) }
        // Who asks from here on gets a later one.
        waiting[name] = nil
        let began = clock.now()
        let response = await make()
        let end = clock.now()
        free = end + min((end - began) * Self.pauseRatio, Self.longestPause)
        return response
    }
}
