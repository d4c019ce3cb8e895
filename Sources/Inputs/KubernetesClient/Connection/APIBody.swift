import AsyncHTTPClient
package import KubernetesAPI
package import NIOCore

/// The body of a successful response, read as fast as the consumer asks.
package struct APIBody: Sendable {
    package let server: ServerAddress
    package let mediaType: APIMediaType
    private let chunks: HTTPClientResponse.Body
    private let activity: Activity

    init(
        server: ServerAddress,
        mediaType: APIMediaType,
        chunks: HTTPClientResponse.Body,
        activity: Activity
    ) {
        self.server = server
        self.mediaType = mediaType
        self.chunks = chunks
        self.activity = activity
    }

    /// Extends the idle limit of the request from now on.
    package func extendIdleLimit(to limit: Duration) {
        activity.extend(to: limit)
    }

    /// Calls `use` with each chunk; the next one is not read before it returns. Throws
    /// `BrokenStream` if the connection is lost before the end, and the errors of `use`.
    package func read(_ use: (ByteBuffer) async throws -> Void) async throws {
        var iterator = chunks.makeAsyncIterator()
        while let chunk = try await next(&iterator) {
            activity.note(bytes: chunk.readableBytes)
            try await use(chunk)
            // A slow reader must not look like a dead server.
            activity.note()
        }
        // A cancelled body just ends, which must not look like a complete one.
        try Task.checkCancellation()
    }

    private func next(
        _ iterator: inout HTTPClientResponse.Body.AsyncIterator
    ) async throws -> ByteBuffer? {
        do {
            return try await iterator.next(isolation: #isolation)
        } catch {
            try Task.checkCancellation()
            throw BrokenStream(server: server, reason: shortText(error))
        }
    }
}
