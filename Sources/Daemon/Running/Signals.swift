import Dispatch
import Glibc
import Reconciling

/// Sends a reload for SIGHUP and a stop for other signals, until cancelled.
///
/// A signal may have one source at a time: to ignore it by default, as the source needs, takes away the
/// handler through which Dispatch learns of it for another.
struct Signals {
    private let sources: [any DispatchSourceSignal]

    init(_ numbers: [Int32], into mailbox: Mailbox) {
        sources = numbers.map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler {
                mailbox.send(number == SIGHUP ? .reload(.signal) : .stop(signal: number))
            }
            source.resume()
            return source
        }
    }

    func cancel() { sources.forEach { $0.cancel() } }
}
