package import Addressing
import Glibc
import SystemCalls
import SystemPackage

/// One connection to make, or one datagram to send.
package struct Attempt: Sendable {
    package let endpoint: Endpoint
    package let source: IPAddress?
    /// 0 for any; another one needs a source.
    package let sourcePort: UInt16
    /// In milliseconds, for the connection and again for the answer.
    package let timeout: Int32

    package init(
        _ endpoint: Endpoint,
        from source: IPAddress? = nil,
        port: UInt16 = 0,
        timeout: Int32
    ) {
        self.endpoint = endpoint
        self.source = source
        sourcePort = port
        self.timeout = timeout
    }
}

/// Makes connections, several at a time in one thread. The outcome of each is the server's line,
/// `refused`, `unreachable`, `forbidden`, `closed` or `timeout`.
package struct AttemptPool {
    /// How many are under way at the same time.
    private let width: Int
    /// Source ports, where each attempt is to have its own.
    private let ports: PortCycle?

    /// `firstPort`: each attempt has a source port of its own, the first of them this one. Without
    /// it the kernel picks the ports, and picks one again for another destination.
    package init(width: Int, firstPort: UInt16? = nil) {
        self.width = width
        ports = firstPort.map { PortCycle(first: $0) }
    }

    /// `report` gets the number of each attempt and its outcome, as it comes.
    package func run(_ attempts: [Attempt], report: (Int, String) -> Void) {
        var ports = ports
        var waiting = (0..<attempts.count).reversed().map(\.self)
        var underway: [Run] = []
        while !waiting.isEmpty || !underway.isEmpty {
            while underway.count < width, let index = waiting.popLast() {
                do throws(Errno) {
                    underway.append(try Run(attempts[index], index, &ports))
                } catch {
                    report(index, Self.outcome(error))
                }
            }
            wait(for: underway)
            underway.removeAll { run in
                guard let outcome = run.advance() else { return false }
                report(run.index, outcome)
                return true
            }
        }
    }

    /// The word for an error.
    static func outcome(_ error: Errno) -> String {
        switch error {
        case .connectionRefused: "refused"
        case .networkUnreachable, .noRouteToHost, .permissionDenied: "unreachable"
        // A rule of the sender's own host did not let the packet go.
        case .notPermitted: "forbidden"
        case .timedOut: "timeout"
        default: "\(error)"
        }
    }

    /// Waits until one of them can be advanced.
    private func wait(for runs: [Run]) {
        guard let first = runs.map(\.wakeUp).min() else { return }
        var waiting = runs.map { pollfd(fd: $0.number, events: $0.events, revents: 0) }
        let left = (first - .now) / Duration.milliseconds(1)
        _ = unsafe poll(&waiting, nfds_t(waiting.count), Int32(max(0, left.rounded(.up))))
    }
}

/// Source ports one after the other, from `PortCycle.range`, which begins again after its end.
///
/// IPVS distinguishes replies by the client's port and the real server only. A client that uses a
/// port for a frontend and then for the endpoint itself, while IPVS still has the first use in its
/// table (300 s for UDP), never gets its answer.
package struct PortCycle {
    package static let range: ClosedRange<UInt16> = 1024...60_999

    private var next: UInt16

    /// `first` is brought into the range.
    init(first: UInt16) {
        next = min(max(first, Self.range.lowerBound), Self.range.upperBound)
    }

    /// Binds to the next port that is free. Throws what bind(2) failed with, `addressInUse` after a
    /// hundred ports.
    mutating func bind(
        _ socket: borrowing OwnedDescriptor,
        to address: IPAddress
    ) throws(Errno) {
        var attempts = 0
        while true {
            let port = next
            next = port == Self.range.upperBound ? Self.range.lowerBound : port + 1
            attempts += 1
            do throws(Errno) {
                return try socket.bind(to: address, port)
            } catch {
                guard error == .addressInUse, attempts < 100 else { throw error }
            }
        }
    }
}

/// An attempt under way; its socket is closed with it.
private final class Run {
    let index: Int
    private let attempt: Attempt
    private let socket: OwnedDescriptor
    private var deadline: ContinuousClock.Instant
    /// When a datagram is sent again: one may be lost on a busy machine.
    private var repetition: ContinuousClock.Instant?
    private var isConnected = false

    var number: Int32 { socket.number }
    var events: Int16 { Int16(isConnected ? POLLIN : POLLOUT) }

    /// When to go on though nothing was received.
    var wakeUp: ContinuousClock.Instant { min(deadline, repetition ?? deadline) }

    /// Begins to connect. Throws what socket(2), bind(2) or connect(2) failed with.
    init(_ attempt: Attempt, _ index: Int, _ ports: inout PortCycle?) throws(Errno) {
        let (endpoint, transport) = (attempt.endpoint.socket, attempt.endpoint.transport)
        let socket = try OwnedDescriptor(endpoint.address.family, transport)
        if ports != nil {
            let wildcard = IPAddress(family: endpoint.address.family, bits: 0)
            try ports?.bind(socket, to: attempt.source ?? wildcard)
        } else if let source = attempt.source {
            // A port that was asked for is bound in TIME_WAIT, too.
            socket.setOption(SOL_SOCKET, SO_REUSEADDR, attempt.sourcePort == 0 ? 0 : 1)
            try socket.bind(to: source, attempt.sourcePort)
        }
        socket.setNonBlocking()
        do throws(Errno) {
            try socket.connect(to: endpoint)
        } catch {
            guard error == .nowInProgress else { throw error }
        }
        self.index = index
        self.attempt = attempt
        self.socket = socket
        deadline = .now + .milliseconds(Int64(attempt.timeout))
    }

    /// The outcome; nil before there is one.
    func advance() -> String? {
        guard socket.wait(for: Int32(events), milliseconds: 0) else {
            if deadline <= .now { return "timeout" }
            if let repetition, repetition <= .now { return ask() }
            return nil
        }
        if isConnected { return answer() }
        if let error = socket.pendingError { return AttemptPool.outcome(error) }
        isConnected = true
        deadline = .now + .milliseconds(Int64(attempt.timeout))
        return attempt.endpoint.transport == .tcp ? nil : ask()
    }

    /// Sends a datagram; the outcome if that fails.
    private func ask() -> String? {
        repetition = .now + .seconds(1)
        return unsafe write(number, "?\n", 2) == 2 ? nil : AttemptPool.outcome(.last)
    }

    private func answer() -> String {
        do throws(Errno) {
            let bytes = try socket.read(upTo: 2048)
            if bytes.isEmpty { return "closed" }
            return String(decoding: bytes.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
        } catch {
            return AttemptPool.outcome(error)
        }
    }
}
