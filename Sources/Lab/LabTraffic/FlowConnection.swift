import Addressing
import Glibc
import SystemCalls
import SystemPackage

/// One connection of a flow, from connect(2) to its last answer; its socket is closed with it.
final class FlowConnection {
    private enum Phase {
        case connecting
        /// Waits for the server's name.
        case asking
        /// Waits until the next line is due.
        case resting
        /// Waits for a line to come back.
        case echoing
    }

    private static let line = Array("still there\n".utf8)
    private static let pause = Duration.milliseconds(250)

    let index: Int
    /// Microseconds of CLOCK_MONOTONIC.
    let began = FlowConnection.microseconds
    /// When the server's name came; 0 before.
    private(set) var answered = 0
    private let socket: OwnedDescriptor
    private let transport: TransportProtocol
    private let timeout: Duration
    private let lasting: Duration?
    private var phase = Phase.connecting
    private var deadline: ContinuousClock.Instant
    /// When a datagram is sent again: one may be lost on a busy machine.
    private var repetition: ContinuousClock.Instant?
    private var end = ContinuousClock.now
    private var greeting = ""
    private var echoed = 0

    var number: Int32 { socket.number }
    var wakeUp: ContinuousClock.Instant { min(deadline, repetition ?? deadline) }
    var events: Int16 { Int16(phase == .connecting ? POLLOUT : POLLIN) }

    /// Begins to connect. Throws what socket(2), bind(2) or connect(2) failed with.
    init(
        _ index: Int,
        _ endpoint: Endpoint,
        _ milliseconds: Int32,
        _ lasting: Duration?,
        _ ports: inout PortCycle
    ) throws(Errno) {
        let family = endpoint.socket.address.family
        let socket = try OwnedDescriptor(family, endpoint.transport)
        try ports.bind(socket, to: IPAddress(family: family, bits: 0))
        socket.setNonBlocking()
        do throws(Errno) {
            try socket.connect(to: endpoint.socket)
        } catch {
            guard error == .nowInProgress else { throw error }
        }
        self.index = index
        self.socket = socket
        transport = endpoint.transport
        timeout = .milliseconds(Int64(milliseconds))
        self.lasting = lasting
        deadline = .now + timeout
    }

    static var microseconds: Int {
        var time = timespec()
        unsafe clock_gettime(CLOCK_MONOTONIC, &time)
        return time.tv_sec * 1_000_000 + time.tv_nsec / 1000
    }

    /// The outcome; nil before there is one.
    func advance() -> String? {
        guard socket.wait(for: Int32(events), milliseconds: 0) else { return advanceByTime() }
        switch phase {
        case .connecting:
            if let error = socket.pendingError { return AttemptPool.outcome(error) }
            phase = .asking
            deadline = .now + timeout
            return transport == .tcp ? nil : ask()
        case .asking: return greet()
        case .resting, .echoing: return echo()
        }
    }

    private func advanceByTime() -> String? {
        if let repetition, repetition <= .now { return ask() }
        guard deadline <= .now else { return nil }
        switch phase {
        case .connecting, .asking: return "timeout"
        case .echoing: return "lost: no answer"
        case .resting:
            if end <= .now { return greeting }
            guard unsafe write(number, Self.line, Self.line.count) == Self.line.count else {
                return "lost: \(Errno.last)"
            }
            echoed = 0
            phase = .echoing
            deadline = .now + timeout
            return nil
        }
    }

    /// Sends a datagram; the outcome if that fails.
    private func ask() -> String? {
        repetition = .now + .seconds(1)
        return unsafe write(number, "?\n", 2) == 2 ? nil : AttemptPool.outcome(.last)
    }

    private func greet() -> String? {
        do throws(Errno) {
            let bytes = try socket.read(upTo: 2048)
            if bytes.isEmpty { return "closed" }
            greeting = String(decoding: bytes.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
        } catch {
            return AttemptPool.outcome(error)
        }
        answered = Self.microseconds
        repetition = nil
        guard let lasting else { return greeting }
        end = .now + lasting
        rest()
        return nil
    }

    private func rest() {
        phase = .resting
        deadline = .now + Self.pause
    }

    private func echo() -> String? {
        do throws(Errno) {
            let bytes = try socket.read(upTo: 2048)
            if bytes.isEmpty { return "lost: closed" }
            echoed += bytes.count
        } catch {
            return "lost: \(error)"
        }
        if phase == .echoing, echoed >= Self.line.count { rest() }
        return nil
    }
}
