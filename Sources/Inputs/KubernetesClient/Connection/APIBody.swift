import AsyncHTTPClient
package import KubernetesAPI
package import NIOCore

/// The body of a good answer, read as fast as it is asked for.
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

    /// Allows longer silence from now on than the request did.
    package func extendIdleLimit(to limit: Duration) {
        activity.extend(to: limit)
    }

    /// Calls `use` with each piece as it comes; the next is not read before it returns. Throws
    /// `BrokenStream` when the connection is gone before the end, and what `use` throws.
    package func read(_ use: (ByteBuffer) async throws -> Void) async throws {
        var iterator = chunks.makeAsyncIterator()
        while let chunk = try await next(&iterator) {
            activity.note(bytes: chunk.readableBytes)
            try await use(chunk)
            // A slow reader is no dead server.
            activity.note()
        }
        // A cancelled body just ends, and must not pass for a whole one.
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
