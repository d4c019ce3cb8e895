/// A client's request. A body is read and discarded.
package struct HTTPRequest: Sendable, Equatable {
    /// In capitals: `GET`.
    package var method: String
    /// Without the query, percent-decoded; begins with `/`.
    package var path: String
    /// The first value of each parameter.
    package var query: [String: String]
    /// The `Accept` header; empty if absent.
    package var accept: String

    package init(
        method: String = "GET",
        path: String,
        query: [String: String] = [:],
        accept: String = ""
    ) {
        self.method = method
        self.path = path
        self.query = query
        self.accept = accept
    }
}

/// A response. The server adds length, date and connection headers.
package struct HTTPResponse: Sendable, Equatable {
    package var status: Int
    /// In this order, after those of the server.
    package var headers: [(name: String, value: String)]
    package var body: String

    package init(
        status: Int = 200,
        headers: [(name: String, value: String)],
        body: String
    ) {
        self.status = status
        self.headers = headers
        self.body = body
    }

    package static func text(_ body: String, status: Int = 200) -> HTTPResponse {
        HTTPResponse(
            status: status,
            headers: [
                ("Content-Type", "text/plain; charset=utf-8"),
                ("X-Content-Type-Options", "nosniff"),
            ],
            body: body
        )
    }

    package static func json(_ body: String, status: Int = 200) -> HTTPResponse {
        HTTPResponse(
            status: status,
            headers: [
                ("Content-Type", "application/json"), ("X-Content-Type-Options", "nosniff"),
            ],
            body: body
        )
    }

    package static func == (left: HTTPResponse, right: HTTPResponse) -> Bool {
        left.status == right.status && left.body == right.body
            && left.headers.elementsEqual(right.headers) { $0 == $1 }
    }
}

/// Handles a request. It runs on a shared thread and must not block it.
package typealias HTTPAnswer = @Sendable (HTTPRequest) async -> HTTPResponse

/// Routes requests by path, for GET and HEAD.
package struct HTTPRoutes: Sendable {
    private var answers: [String: HTTPAnswer] = [:]

    /// Paths that change something, and so accept POST only.
    package var actions: Set<String> = []

    package init() {}

    /// The handler of a path, and of all paths below it if it ends with a slash.
    package subscript(path: String) -> HTTPAnswer? {
        get { answers[path] }
        set { answers[path] = newValue }
    }

    package var paths: [String] { answers.keys.sorted() }

    /// The same pages, each answered after `preparation`.
    package func after(_ preparation: @escaping @Sendable () async -> Void) -> HTTPRoutes {
        var routes = self
        routes.answers = answers.mapValues { answer in
            { request in
                await preparation()
                return await answer(request)
            }
        }
        return routes
    }

    package func answer(_ request: HTTPRequest) async -> HTTPResponse {
        guard let answer = answers[request.path] ?? below(request.path) else {
            return .text(
                "404 not found; available: \(paths.joined(separator: ", "))\n",
                status: 404
            )
        }
        let allowed = actions.contains(request.path) ? ["POST"] : Self.reading
        if let refusal = Self.refusal(of: request, allowed) { return refusal }
        return await answer(request)
    }

    package static let reading = ["GET", "HEAD"]

    /// What answers a request of another method than these; nil if it is one of them.
    package static func refusal(
        of request: HTTPRequest,
        _ allowed: [String] = reading
    ) -> HTTPResponse? {
        if allowed.contains(request.method) { return nil }
        var refusal = HTTPResponse.text("405 method not allowed\n", status: 405)
        refusal.headers.append(("Allow", allowed.joined(separator: ", ")))
        return refusal
    }

    private func below(_ path: String) -> HTTPAnswer? {
        answers.first { $0.key.hasSuffix("/") && $0.key != "/" && path.hasPrefix($0.key) }?.value
    }
}
