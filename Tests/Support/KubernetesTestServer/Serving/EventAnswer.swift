import NIOCore
import NIOHTTP1

/// Answers a request that writes an Event.
struct EventAnswer {
    let request: ReceivedRequest
    let encoder: AnswerEncoder
    let fault: Fault?
    let events: ServedEvents
    let outbound: BodyWriter.Outbound

    func send() async throws {
        switch fault {
        case .status(let status):
            return try await Answer.sendStatus(status, encoder, outbound)
        case .delay(let time): try await Task.sleep(for: time)
        default: break
        }
        switch events.take(request) {
        case .success(let isNew): try await sendObject(isNew ? .created : .ok)
        case .failure(let refusal):
            let status = ServedStatus(code: refusal.code, reason: refusal.reason)
            try await Answer.sendStatus(status, encoder, outbound)
        }
    }

    /// What was written; clients do not look at it.
    private func sendObject(_ status: HTTPResponseStatus) async throws {
        let headers: HTTPHeaders = [
            "content-type": "application/json", "content-length": "\(request.body.count)",
        ]
        let head = HTTPResponseHead(version: .http1_1, status: status, headers: headers)
        try await outbound.write(.head(head))
        if fault == .dropAfter(bytes: 0) { throw BodyWriter.Ending.drop }
        try await outbound.write(.body(.byteBuffer(ByteBuffer(bytes: request.body))))
        try await outbound.write(.end(nil))
    }
}
