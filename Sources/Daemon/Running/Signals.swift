import Dispatch
import Glibc
import Reconciling
import Synchronization

/// Signals that the daemon must not miss, nor be ended by, from its first moment on.
///
/// They are not blocked: the main thread of a program with tasks waits in sigsuspend(2), which lets all through.
package enum EarlySignals {
    /// A hangup ends a process by default. The first process of a container is spared what would end it, so that
    /// a stop would be lost.
    static let numbers = [SIGHUP] + (getpid() == 1 ? [SIGTERM, SIGINT] : [])

    /// What was done about them before.
    package struct Former {
        fileprivate var handlers: [(number: Int32, handler: __sighandler_t?)] = []

        /// Does that again, also for those that have come since.
        package func restore() {
            for (number, handler) in handlers {
                signal(number, handler)
                if EarlySignals.take(number) { kill(getpid(), number) }
            }
        }
    }

    /// Remembers them from now on, until the daemon takes them.
    package static func hold() -> Former {
        // Made here, and not in the handler, which may do next to nothing.
        _ = arrived.load(ordering: .relaxed)
        return Former(
            handlers: numbers.map { number in
                let handler = signal(number) { number in
                    arrived.bitwiseOr(1 << UInt64(number), ordering: .relaxed)
                }
                return (number, handler)
            }
        )
    }

    /// Whether it has come since `hold` and has not been taken yet.
    static func take(_ number: Int32) -> Bool {
        let bit: UInt64 = 1 << UInt64(number)
        return arrived.bitwiseAnd(~bit, ordering: .relaxed).oldValue & bit != 0
    }
}

/// A bit for each signal that has come.
private let arrived = Atomic<UInt64>(0)

/// Sends a reload for SIGHUP and a stop for other signals, until cancelled; also for those that were remembered.
///
/// Dispatch takes a signal from some moment after the start on; until then it has the effect that it had. A signal
/// may have one source at a time.
struct Signals {
    private let sources: [any DispatchSourceSignal]

    init(_ numbers: [Int32], into mailbox: Mailbox) {
        sources = numbers.map { number in
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            let send = { @Sendable in
                mailbox.send(number == SIGHUP ? .reload(.signal) : .stop(signal: number))
            }
            source.setEventHandler(handler: send)
            source.setRegistrationHandler {
                if EarlySignals.take(number) { send() }
            }
            source.resume()
            return source
        }
    }

    func cancel() { sources.forEach { $0.cancel() } }
}
