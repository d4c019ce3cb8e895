package import KubernetesAPI
package import Logging
import NIOCore

/// Lists and watches one resource until cancelled, and starts over after failures (client-go's
/// reflector).
package actor Reflector {
    private enum Ending: Error, CustomStringConvertible {
        case tooShort
        case beforeAllObjects
        case samePageAgain
        case tooLong(limit: Int)

        var description: String {
            switch self {
            case .tooShort: "the watch ended at once without an event"
            case .beforeAllObjects: "the watch ended before all objects were received"
            case .samePageAgain: "the list returns the same page again"
            case .tooLong(let limit): "a list of more than \(limit >> 20) MiB"
            }
        }
    }

    /// Consecutive rejections after which the log says that a resource is not available.
    private static let refusalsToLog = 4
    /// Consecutive rejections after which a forbidden resource counts as absent.
    private static let refusalsToCount = 2

    /// How many objects of a list arrive between two reports of how many there are.
    private static let receivedStep = 500

    private let resource: KubernetesResource
    private let selectors: Selectors
    private let decoding: DecodingSettings
    private let settings: ReflectorSettings
    private let connection: APIConnection
    private let sink: any ReflectorSink
    private let time: Timebase
    private let logger: Logger
    private var generator: any RandomNumberGenerator & Sendable

    private var plan: ListWatchPlan
    private var pace: RequestPace
    private var state = ResourceState()
    /// Consecutive rejections of an optional resource.
    private var refusals = 0
    private var listDecoder: ListDecoder?
    private var watchDecoder: WatchDecoder?
    private var listed: [APIObject] = []
    /// The size of a list, or of a watch's initial objects, as far as they have come.
    private var listedBytes = 0
    /// The objects of a watch-list that has not ended.
    private var initial: [APIObject]?
    /// The watch has delivered something, or has been open for a while.
    private var hasWorked = false
    /// Waits until the watch has been open for a while.
    private var steadyTimer: Task<Void, Never>?

    package init(
        _ resource: KubernetesResource,
        selectors: Selectors,
        decoding: DecodingSettings,
        settings: ReflectorSettings = ReflectorSettings(),
        connection: APIConnection,
        sink: any ReflectorSink,
        time: Timebase = .standard,
        generator: any RandomNumberGenerator & Sendable = SystemRandomNumberGenerator(),
        logger: Logger
    ) {
        self.resource = resource
        self.selectors = selectors
        self.decoding = decoding
        self.settings = settings
        self.connection = connection
        self.sink = sink
        self.time = time
        self.generator = generator
        self.logger = logger
        plan = ListWatchPlan(
            isOptional: resource == .serviceCIDRs,
            hasOptionalSelector: selectors.fieldIsOptional
        )
        pace = RequestPace(longestRest: settings.longestRest)
    }

    /// Returns when the task is cancelled.
    package func run() async {
        while !Task.isCancelled {
            let step = plan.step(at: time.now)
            let began = time.now
            do {
                try await perform(step)
            } catch {
                guard !Task.isCancelled else { return }
                await failed(step, error, after: time.now - began)
            }
        }
    }

    private func perform(_ step: ListWatchPlan.Step) async throws {
        switch step {
        case .watchList(let version):
            initial = []
            try await watch(from: version, sendsInitialEvents: true)
        case .watch(let version):
            initial = nil
            try await watch(from: version, sendsInitialEvents: false)
        case .list(let version, let inPages):
            return try await list(from: version, inPages: inPages)
        }
        // The end of a watch is not a failure.
        await pause(.askSoon)
    }

    /// Only cancellation ends the delay early, and the loop checks for it.
    private func pause(
        _ reaction: ListWatchPlan.Reaction,
        spent: Duration = .zero
    ) async {
        let wait = pace.wait(after: reaction, spent: spent, using: &generator)
        if wait > .zero { try? await time.sleep(for: wait) }
    }

    // MARK: - Failures

    private func failed(
        _ step: ListWatchPlan.Step,
        _ error: any Error,
        after spent: Duration
    ) async {
        initial = nil
        listed = []
        if error is IdleTimeout, let server = state.server { await connection.leave(server) }
        let reaction = plan.failed(step, error, at: time.now)
        let reason = shortText(error)
        switch reaction {
        case .askAgain, .askSoon:
            logger.debug("Request rejected, falling back", metadata: metadata(reason))
        case .rest: await noteRefusal(error, reason)
        case .backOff: await noteFailure(error, reason)
        }
        await pause(reaction, spent: error is ConnectionFailure ? spent : .zero)
    }

    private func noteRefusal(_ error: any Error, _ reason: String) async {
        refusals += 1
        // A server that has just started may forbid (403) for a moment what it allows once it has
        // loaded its roles. A server that does not know the resource (404) is an old one.
        let isMissing = (error as? APIStatus)?.code == 404
        let isAnswer = isMissing || refusals >= Self.refusalsToCount
        if refusals == Self.refusalsToLog {
            logger.info(
                "Resource not available from the API server, will check again",
                metadata: metadata(reason)
            )
        }
        await note {
            $0.phase = isAnswer ? .absent : .backingOff
            $0.lastError = reason
        }
    }

    private func noteFailure(_ error: any Error, _ reason: String) async {
        refusals = 0
        let isNews = state.failures == 0 || state.lastError != reason
        logger.log(
            level: isNews ? .warning : .debug,
            "Failed to list or watch the resource, will retry",
            metadata: metadata(reason)
        )
        await note {
            $0.phase = .backingOff
            $0.failures += 1
            $0.lastError = reason
        }
        // A server that sends garbage is treated like one that does not respond.
        if state.failures % 3 == 0, let server = state.server, !(error is ConnectionFailure) {
            await connection.leave(server)
        }
    }

    private func metadata(_ reason: String) -> Logger.Metadata {
        ["resource": "\(resource.rawValue)", "reason": "\(reason)"]
    }

    private func note(_ change: (inout ResourceState) -> Void) async {
        change(&state)
        state.resourceVersion = plan.resourceVersion
        state.listsWithoutWatch = plan.listsWithoutWatch
        await sink.note(state, of: resource)
    }

    private func answered(_ body: APIBody, _ phase: ResourceState.Phase) async {
        await note {
            $0.phase = phase
            $0.lastAnswer = .now
            $0.server = body.server
        }
    }

    private func selection() -> [(name: String, value: String)] {
        var query: [(name: String, value: String)] = []
        if let label = selectors.label { query.append(("labelSelector", label)) }
        if let field = selectors.field, !selectors.fieldIsOptional || plan.usesOptionalSelector {
            query.append(("fieldSelector", field))
        }
        return query
    }

    // MARK: - Listing

    private func list(from version: String, inPages: Bool) async throws {
        listed = []
        listedBytes = 0
        state.received = 0
        var token = ""
        var newest = ""
        repeat {
            var query = selection()
            if inPages { query.append(("limit", "\(settings.pageSize)")) }
            if !token.isEmpty {
                query.append(("continue", token))
            } else if !version.isEmpty {
                query.append(("resourceVersion", version))
            }
            let page = try await connection.send(
                APIRequest(
                    path: resource.listPath,
                    query: query,
                    continuesAnswer: !token.isEmpty,
                    idleLimit: settings.listIdleLimit
                )
            ) { body in
                await self.beginPage(body)
                try await body.read { try await self.receivedPart($0) }
                return try await self.endPage()
            }
            guard page.continueToken.isEmpty || page.continueToken != token else {
                throw Ending.samePageAgain
            }
            token = page.continueToken
            newest = page.resourceVersion
        } while !token.isEmpty
        let objects = listed
        listed = []
        await replace(objects, resourceVersion: newest)
    }

    private func beginPage(_ body: APIBody) async {
        listDecoder = ListDecoder(
            resource: resource,
            mediaType: body.mediaType,
            settings: decoding
        )
        await answered(body, .listing)
    }

    private func receivedPart(_ chunk: ByteBuffer) async throws {
        try count(chunk)
        guard let objects = try listDecoder?.feed(chunk.readableBytesUInt8Span) else { return }
        listed += objects
        await noteReceived(listed.count)
    }

    /// Lets a status line show how far a long list has come.
    private func noteReceived(_ count: Int) async {
        guard count >= state.received + Self.receivedStep else { return }
        await note { $0.received = count }
    }

    /// The objects of a list are kept until its end, and a server may send without end.
    private func count(_ chunk: ByteBuffer) throws {
        listedBytes += chunk.readableBytes
        guard listedBytes <= settings.listLimit else {
            throw Ending.tooLong(limit: settings.listLimit)
        }
    }

    private func endPage() throws -> ListMetadata {
        defer { listDecoder = nil }
        guard let page = try listDecoder?.finish() else { throw CancellationError() }
        return page
    }

    private func replace(_ objects: [APIObject], resourceVersion: String) async {
        await sink.replace(resource, with: objects)
        plan.listed(resourceVersion)
        pace.found()
        refusals = 0
        await note {
            $0.received = objects.count
            $0.lists += 1
            $0.lastEvent = .now
        }
        guard state.listsWithoutWatch == ResourceState.circleLimit else { return }
        logger.warning(
            "No watch works, relisting instead",
            metadata: [
                "resource": "\(resource.rawValue)", "lists": "\(state.listsWithoutWatch)",
            ]
        )
    }

    // MARK: - Watching

    private func watch(from version: String, sendsInitialEvents: Bool) async throws {
        let seconds = Int.random(in: settings.watchSeconds, using: &generator)
        var query = selection()
        query += [("watch", "true"), ("allowWatchBookmarks", "true")]
        if sendsInitialEvents {
            query += [("sendInitialEvents", "true"), ("resourceVersionMatch", "NotOlderThan")]
        }
        if !version.isEmpty { query.append(("resourceVersion", version)) }
        query.append(("timeoutSeconds", "\(seconds)"))
        listedBytes = 0
        if sendsInitialEvents { state.received = 0 }
        let quiet = Duration.seconds(seconds) + settings.watchSlack
        let began = time.now
        hasWorked = false
        defer {
            steadyTimer?.cancel()
            watchDecoder = nil
        }
        do {
            try await connection.send(
                APIRequest(
                    path: resource.listPath,
                    query: query,
                    isWatch: true,
                    idleLimit: sendsInitialEvents ? settings.listIdleLimit : quiet
                )
            ) { body in
                await self.beginWatch(body)
                try await body.read { chunk in
                    if try await self.receivedEvents(chunk) { body.extendIdleLimit(to: quiet) }
                }
                try await self.endWatch()
            }
        } catch let broken as BrokenStream where initial == nil && hasWorked {
            return await cut(broken)
        }
        guard initial == nil else { throw Ending.beforeAllObjects }
        if !hasWorked, time.now - began < settings.shortWatch { throw Ending.tooShort }
    }

    private func beginWatch(_ body: APIBody) async {
        watchDecoder = WatchDecoder(
            resource: resource,
            mediaType: body.mediaType,
            settings: decoding
        )
        await answered(body, initial == nil ? .watching : .listing)
        if initial == nil { awaitSteadyWatch() }
    }

    private func endWatch() throws {
        try watchDecoder?.finish()
    }

    /// The connection of a working watch was lost: the server stopped, or the network failed.
    private func cut(_ broken: BrokenStream) async {
        logger.debug("Watch connection lost, reconnecting", metadata: metadata(shortText(broken)))
        await note {
            $0.phase = .connecting
            $0.lastError = shortText(broken)
        }
    }

    /// A watch of a quiet resource works although nothing arrives.
    private func awaitSteadyWatch() {
        steadyTimer = Task { [time, settings] in
            guard (try? await time.sleep(for: settings.steadyWatch)) != nil, !Task.isCancelled
            else { return }
            self.hasWorked = true
            await self.worked()
        }
    }

    private func worked() async {
        if state.failures > 0 || state.isCircling {
            logger.notice(
                "Watching the resource again",
                metadata: ["resource": "\(resource.rawValue)", "after": "\(state.failures)"]
            )
        }
        plan.worked()
        pace.worked()
        await note {
            $0.phase = .watching
            $0.failures = 0
            $0.lastWatch = .now
        }
    }

    /// True when the last of the initial objects has arrived.
    private func receivedEvents(_ chunk: ByteBuffer) async throws -> Bool {
        let received = ContinuousClock.now
        if initial != nil { try count(chunk) }
        guard let events = try watchDecoder?.feed(chunk.readableBytesUInt8Span), !events.isEmpty
        else { return false }
        let times = ArrivalTimes(received: received, decoding: .now - received)
        let batch = EventBatch(events, initial: &initial)
        if let initial { await noteReceived(initial.count) }
        if let list = batch.list {
            hasWorked = true
            await replace(list.objects, resourceVersion: list.resourceVersion)
            await note { $0.phase = .watching }
            awaitSteadyWatch()
        }
        if !batch.changes.isEmpty { await sink.apply(batch.changes, to: resource, times: times) }
        if let version = batch.resourceVersion {
            hasWorked = true
            plan.saw(version)
            state.lastEvent = .now
            await worked()
        }
        if let failure = batch.failure { throw failure }
        return batch.list != nil
    }
}
