import KubernetesTestServer
import Synchronization
import TestSupport

/// Faults at random, the same ones for the same seed and order of requests, until they are over.
final class RandomFaults: Sendable {
    private let generator: Mutex<SplitMix64?>

    init(seed: UInt64) {
        generator = Mutex(SplitMix64(seed: seed))
    }

    func stop() {
        generator.withLock { $0 = nil }
    }

    func next() -> Fault? {
        generator.withLock { state in
            guard var generator = state else { return nil }
            defer { state = generator }
            func number(_ limit: Int) -> Int { Int.random(in: 0..<limit, using: &generator) }
            switch number(24) {
            case 0: return .drop
            case 1: return .stall
            case 2, 3: return .dropAfter(bytes: number(3000))
            case 4: return .stallAfter(bytes: number(3000))
            case 5: return .garbage
            case 6: return .expireInStream
            case 7: return .repeatEvents
            case 8: return .delay(.milliseconds(number(4)))
            case 9: return .endAtOnce
            case 10:
                let (code, reason, cause) = [
                    (400, "BadRequest", nil), (401, "Unauthorized", nil), (403, "Forbidden", nil),
                    (410, "Expired", nil), (429, "TooManyRequests", nil), (422, "Invalid", nil),
                    (500, "InternalError", nil), (503, "ServiceUnavailable", nil),
                    (504, "Timeout", "ResourceVersionTooLarge"),
                ][number(9)]
                return .status(
                    ServedStatus(
                        code: code,
                        reason: reason,
                        retryAfterSeconds: number(2),
                        cause: cause
                    )
                )
            default: return nil
            }
        }
    }
}
