import NIOCore
import NIOHTTP1

/// Answers one request from the cluster's state.
struct Answer {
    let request: ReceivedRequest
    let resource: ServedResource
    let encoder: AnswerEncoder
    let options: ServerOptions
    let cluster: TestCluster
    let pages: ListPages
    let fault: Fault?
    let outbound: BodyWriter.Outbound

    func send() async throws {
        switch fault {
        case .status(let status): return try await sendStatus(status)
        case .garbage, .endAtOnce:
            try await sendHead()
            var body = BodyWriter(outbound, fault: fault)
            if fault == .garbage {
                try await body.write([0x7f, 0xff, 0xff, 0xff, 0x00, 0x7b, 0x22, 0x0a])
                try await body.flush()
            }
            return try await outbound.write(.end(nil))
        case .endless:
            try await sendHead()
            let blanks = ByteBuffer(repeating: UInt8(ascii: " "), count: 64 << 10)
            while true { try await outbound.write(.body(.byteBuffer(blanks))) }
        case .delay(let time): try await Task.sleep(for: time)
        default: break
        }
        if resource == .services, !options.knowsClusterIPSelector,
            request.query["fieldSelector"]?.contains("spec.clusterIP") == true
        {
            return try await sendStatus(
                ServedStatus(
                    code: 400,
                    reason: "BadRequest",
                    message: "field label not supported: spec.clusterIP"
                )
            )
        }
        if request.isWatch {
            try await watch()
        } else if let name = request.objectName(in: resource) {
            try await single(name)
        } else {
            try await list()
        }
    }

    private func single(_ name: String) async throws {
        let key = ClusterKey(namespace: request.namespace ?? "", name: name)
        guard let object = cluster.list(resource).objects.first(where: { $0.content.key == key })
        else {
            return try await sendStatus(
                ServedStatus(code: 404, reason: "NotFound", message: "\(name) not found")
            )
        }
        try await sendHead()
        var body = BodyWriter(outbound, fault: fault)
        try await body.write(encoder.object(object))
        try await body.flush()
        try await outbound.write(.end(nil))
    }

    // MARK: - Lists

    private func list() async throws {
        let limit = request.query["limit"].flatMap { Int($0) }
        if let token = request.query["continue"], !token.isEmpty {
            guard let rest = pages.take(token) else { return try await sendStatus(.expired) }
            return try await sendPage(rest.objects, version: rest.version, limit: limit)
        }
        let (objects, version) = cluster.list(resource)
        let wanted = request.query["resourceVersion"].flatMap { Int($0) } ?? 0
        guard wanted <= version else { return try await sendStatus(.tooLarge) }
        guard wanted > 0, asksForExactVersion else {
            return try await sendPage(selected(objects)[...], version: version, limit: limit)
        }
        guard let then = cluster.list(resource, at: wanted) else {
            return try await sendStatus(.expired)
        }
        try await sendPage(selected(then)[...], version: wanted, limit: limit)
    }

    /// By the rules of the API a version beside a `limit` is exact where nothing else is said, and
    /// without one the oldest that will do.
    private var asksForExactVersion: Bool {
        switch request.query["resourceVersionMatch"] {
        case "Exact": true
        case nil: request.query["limit"] != nil
        default: false
        }
    }

    private func sendPage(
        _ objects: ArraySlice<ClusterObject>,
        version: Int,
        limit: Int?
    ) async throws {
        let page = objects.prefix(limit ?? .max)
        let rest = objects.dropFirst(page.count)
        let next = rest.isEmpty ? "" : pages.keep(rest, version: version)
        try await sendHead()
        var body = BodyWriter(outbound, fault: fault)
        try await body.write(encoder.list(page, version: version, next: next))
        try await body.flush()
        try await outbound.write(.end(nil))
    }

    private func selected(_ objects: [ClusterObject]) -> [ClusterObject] {
        var objects = objects
        if let namespace = request.namespace {
            objects.removeAll { $0.content.key.namespace != namespace }
        }
        guard let selector = request.query["fieldSelector"], selector.hasPrefix("metadata.name=")
        else { return objects }
        return objects.filter { "metadata.name=\($0.content.key.name)" == selector }
    }

    // MARK: - Watches

    private func watch() async throws {
        let asked = request.query["resourceVersion"] ?? ""
        let wantsAll = request.query["sendInitialEvents"] == "true"
        if wantsAll, options.watchList == .refused {
            return try await sendStatus(
                ServedStatus(
                    code: 422,
                    reason: "Invalid",
                    message: "sendInitialEvents: Forbidden"
                )
            )
        }
        let newest = cluster.version
        if let version = Int(asked), version > newest { return try await sendStatus(.tooLarge) }
        let (signals, wake) = cluster.signals()
        defer { wake.finish() }
        var version = newest
        try await sendHead()
        var body = BodyWriter(outbound, fault: fault)
        if fault == .expireInStream {
            try await body.write(encoder.failure(.expired))
            try await body.flush()
            return try await outbound.write(.end(nil))
        }
        if wantsAll || asked.isEmpty || asked == "0" {
            version = try await sendAll(&body, marksEnd: wantsAll && options.watchList == .served)
        } else {
            version = Int(asked) ?? newest
        }
        try await follow(from: version, signals, wake, &body)
        try await outbound.write(.end(nil))
    }

    private func sendAll(_ body: inout BodyWriter, marksEnd: Bool) async throws -> Int {
        let (objects, version) = cluster.list(resource)
        for object in selected(objects) {
            try await body.write(encoder.event(.added, object))
            if fault == .repeatEvents { try await body.write(encoder.event(.added, object)) }
        }
        if marksEnd {
            try await body.write(encoder.bookmark(version: version, endsInitialEvents: true))
        }
        try await body.flush()
        return version
    }

    /// Sends changes as they come, and bookmarks in between, until the time is up.
    private func follow(
        from start: Int,
        _ signals: AsyncStream<Void>,
        _ wake: AsyncStream<Void>.Continuation,
        _ body: inout BodyWriter
    ) async throws {
        let seconds = request.query["timeoutSeconds"].flatMap { Int($0) } ?? 600
        let end = ContinuousClock.now + .seconds(seconds) / options.speed
        let timer = Task { [options] in
            while !Task.isCancelled {
                try await Task.sleep(for: options.bookmarkInterval)
                wake.yield()
            }
        }
        defer { timer.cancel() }
        var version = start
        wake.yield()
        for await _ in signals {
            guard let (changes, newest) = cluster.changes(of: resource, after: version) else {
                try await body.write(encoder.failure(.expired))
                return try await body.flush()
            }
            for change in changes {
                for _ in 0..<(fault == .repeatEvents ? 2 : 1) {
                    try await body.write(encoder.event(change.kind, change.object))
                }
            }
            version = newest
            if changes.isEmpty {
                try await body.write(encoder.bookmark(version: version, endsInitialEvents: false))
            }
            try await body.flush()
            if ContinuousClock.now >= end { return }
        }
    }

    // MARK: - Heads

    private func sendHead() async throws {
        let type = encoder.encoding.contentType(isWatch: request.isWatch)
        try await outbound.write(
            .head(
                HTTPResponseHead(version: .http1_1, status: .ok, headers: ["content-type": type])
            )
        )
    }

    private func sendStatus(_ status: ServedStatus) async throws {
        try await Self.sendStatus(status, encoder, outbound)
    }

    static func sendStatus(
        _ status: ServedStatus,
        _ encoder: AnswerEncoder,
        _ outbound: BodyWriter.Outbound
    ) async throws {
        let body = encoder.status(status)
        var headers: HTTPHeaders = [
            "content-type": encoder.encoding.contentType(isWatch: false),
            "content-length": "\(body.count)",
        ]
        if let seconds = status.retryAfterSeconds {
            headers.add(name: "retry-after", value: "\(seconds)")
        }
        if let location = status.location { headers.add(name: "location", value: location) }
        let head = HTTPResponseHead(
            version: .http1_1,
            status: HTTPResponseStatus(statusCode: status.code),
            headers: headers
        )
        try await outbound.write(.head(head))
        try await outbound.write(.body(.byteBuffer(ByteBuffer(bytes: body))))
        try await outbound.write(.end(nil))
    }
}
