/// Questions that wait in the daemon's queue for an answer: each gets one, even if the daemon stops
/// before it comes to the question.
enum EventAnswers {
    /// Lets go of what is held back and returns how many Services that were; nil if the daemon
    /// stops first.
    static func confirm(_ queue: AsyncStream<Daemon.Event>.Continuation) async -> Int? {
        await withCheckedContinuation { answer in
            guard case .enqueued = queue.yield(.confirm(answer)) else {
                answer.resume(returning: nil)
                return
            }
        }
    }

    /// To be called when nobody takes from the queue any more: answers the questions left in it, and
    /// those that still come.
    static func close(
        _ events: AsyncStream<Daemon.Event>,
        _ queue: AsyncStream<Daemon.Event>.Continuation
    ) async {
        queue.finish()
        for await case .confirm(let answer) in events { answer.resume(returning: nil) }
    }
}
