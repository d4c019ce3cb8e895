package import KubernetesAPI
package import Logging
import NIOCore

/// Follows one resource for ever: lists it, watches it, and starts again where that fails
/// (client-go's reflector).
package actor Reflector {
    private enum Ending: Error, CustomStringConvertible {
        case tooShort
        case beforeAllObjects
        case samePageAgain

        var description: String {
            switch self {
            case .tooShort: "the watch ended at once, without an event"
            case .beforeAllObjects: "the watch ended before all objects were there"
            case .samePageAgain: "the list does not come to an end"
            }
        }
    }

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
    private var backoff = Backoff()
    private var state = ResourceState()
    private var listDecoder: ListDecoder?
    private var watchDecoder: WatchDecoder?
    private var listed: [APIObject] = []
    /// The objects of a watch-list whose end has not come.
    private var initial: [APIObject]?
    private var eventCount = 0

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
    }

    /// Returns when the task is cancelled.
    package func run() async {
        while !Task.isCancelled {
            let step = plan.step
            do {
                try await perform(step)
            } catch {
                guard !Task.isCancelled else { return }
                await failed(step, error)
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
            try await list(from: version, inPages: inPages)
        }
    }

    // MARK: - Failures

    private func failed(_ step: ListWatchPlan.Step, _ error: any Error) async {
        initial = nil
        listed = []
        if error is IdleTimeout, let server = state.server { await connection.leave(server) }
        let reaction = plan.failed(step, error)
        let reason = shortText(error)
        switch reaction {
        case .askAgain:
            logger.debug("API server refuses, asking differently", metadata: metadata(reason))
            return
        case .rest:
            if state.phase != .absent {
                logger.info("API server does not offer this", metadata: metadata(reason))
            }
            await note {
                $0.phase = .absent
                $0.lastError = reason
            }
            // Only cancelling ends the wait early, and the loop sees to that.
            try? await time.sleep(for: settings.restTime)
        case .backOff(let seconds):
            let delay = max(
                backoff.delay(at: time.now, using: &generator),
                .seconds(seconds)
            )
            let isNews = state.failures == 0 || state.lastError != reason
            logger.log(
                level: isNews ? .warning : .debug,
                "Following the API server failed, trying again",
                metadata: metadata(reason)
            )
            await note {
                $0.phase = .backingOff
                $0.failures += 1
                $0.lastError = reason
            }
            // A server that answers nonsense is worth no less than one that does not answer.
            if state.failures % 3 == 0, let server = state.server, !(error is ConnectionFailure) {
                await connection.leave(server)
            }
            try? await time.sleep(for: delay)
        }
    }

    private func metadata(_ reason: String) -> Logger.Metadata {
        ["resource": "\(resource.rawValue)", "reason": "\(reason)"]
    }

    private func note(_ change: (inout ResourceState) -> Void) async {
        change(&state)
        state.resourceVersion = plan.resourceVersion
        await sink.note(state, of: resource)
    }

    private func noteSuccess(_ phase: ResourceState.Phase) async {
        if state.failures > 0 {
            logger.notice(
                "Following the API server again",
                metadata: ["resource": "\(resource.rawValue)", "after": "\(state.failures)"]
            )
        }
        await note {
            $0.phase = phase
            $0.failures = 0
            $0.lastEvent = .now
        }
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

    private func receivedPart(_ chunk: ByteBuffer) throws {
        guard let objects = try listDecoder?.feed(chunk.readableBytesUInt8Span) else { return }
        listed += objects
    }

    private func endPage() throws -> ListMetadata {
        defer { listDecoder = nil }
        guard let page = try listDecoder?.finish() else { throw CancellationError() }
        return page
    }

    private func replace(_ objects: [APIObject], resourceVersion: String) async {
        await sink.replace(resource, with: objects)
        plan.listed(resourceVersion)
        state.lists += 1
        await noteSuccess(.watching)
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
        let quiet = Duration.seconds(seconds) + settings.watchSlack
        let began = time.now
        eventCount = 0
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
        guard initial == nil else { throw Ending.beforeAllObjects }
        if eventCount == 0, time.now - began < settings.shortWatch { throw Ending.tooShort }
    }

    private func beginWatch(_ body: APIBody) async {
        watchDecoder = WatchDecoder(
            resource: resource,
            mediaType: body.mediaType,
            settings: decoding
        )
        await answered(body, initial == nil ? .watching : .listing)
    }

    private func endWatch() throws {
        defer { watchDecoder = nil }
        try watchDecoder?.finish()
    }

    /// True when the last of the initial objects has come.
    private func receivedEvents(_ chunk: ByteBuffer) async throws -> Bool {
        guard let events = try watchDecoder?.feed(chunk.readableBytesUInt8Span), !events.isEmpty
        else { return false }
        eventCount += events.count
        var changes: [WatchEvent] = []
        var newest = plan.resourceVersion
        var failure: APIStatus?
        var allAreHere = false
        loop: for event in events {
            switch event {
            case .bookmark(let version, let endsInitialEvents):
                newest = version
                guard let objects = initial, endsInitialEvents else { continue }
                initial = nil
                await replace(objects, resourceVersion: version)
                allAreHere = true
            case .failed(let status):
                failure = status
                break loop
            case .added(let object), .modified(let object), .deleted(let object):
                if initial == nil {
                    changes.append(event)
                    newest = object.resourceVersion
                } else if case .deleted = event {
                    initial?.removeAll { $0.key == object.key }
                } else {
                    initial?.append(object)
                }
            }
        }
        if !changes.isEmpty { await sink.apply(changes, to: resource) }
        if initial == nil {
            plan.saw(newest)
            await noteSuccess(.watching)
        }
        if let failure { throw failure }
        return allAreHere
    }
}
