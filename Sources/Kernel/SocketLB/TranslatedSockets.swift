package import Addressing
import CSocketLB
package import DataplaneModel
import Glibc
import HostFacts
import SocketDiag
import SystemCalls
import SystemPackage

/// The connected UDP sockets that the programs of one family gave an endpoint, in all network namespaces that are
/// served.
///
/// Such a socket keeps its endpoint for ever, as nothing looks at its datagrams any more. Sockets that are not
/// connected are none of these: the programs choose again for the next datagram.
package struct TranslatedSockets: Sendable {
    /// The outcome of one look.
    package struct Report: Sendable, Equatable {
        /// Network namespaces that were looked at last.
        package var namespaces = 0
        /// Sockets that the kernel told of.
        package var examined = 0
        /// Sockets that were ended.
        package var ended = 0
        /// Sockets that the kernel refused to end, and namespaces that could not be entered.
        package var failures: [DataplaneError] = []
        /// A socket was about to connect, and another look is needed.
        package var isUnfinished = false

        package init() {}
    }

    private let family: IPFamily
    private let directory: String
    /// What needs no look any more: sockets that were ended and are not closed yet, and what no socket was found
    /// for.
    private var settled: Set<Connection> = []

    /// `directory` is that of the programs' `SocketPlace`.
    package init(family: IPFamily, directory: String) {
        self.family = family
        self.directory = directory
    }

    /// Ends the sockets for which `isStale` is true. What a socket is given here is the frontend that its program
    /// asked for, and its endpoint.
    ///
    /// Only sockets that the programs remember are given: never one that a program connected to an endpoint itself.
    /// Without any nothing is looked at but the programs' map. Other namespaces are entered on a thread that ends
    /// with this.
    ///
    /// - Throws: `.unsupported` if the kernel cannot list or end UDP sockets.
    package mutating func end(
        _ scope: SocketPlace.Scope,
        where isStale: (UDPFlow) -> Bool
    ) throws(DataplaneError) -> Report {
        let remembered = try remembered()
        settled.formIntersection(remembered.keys)
        let stale = remembered.filter { !settled.contains($0.key) && isStale($0.value) }
        if stale.isEmpty { return Report() }
        var look = SocketLook(family, stale)
        look = try scope == .node ? look.here() : look.everywhere()
        let recent = Connection.now &- Self.connectingNanoseconds
        for connection in stale.keys where !look.refused.contains(connection.cookie) {
            if look.pending[connection.cookie] != nil, connection.since > recent {
                look.report.isUnfinished = true
            } else {
                settled.insert(connection)
            }
        }
        return look.report
    }

    /// A socket is remembered before it is connected, and is so long after that at the latest.
    private static let connectingNanoseconds: UInt64 = 1_000_000_000

    /// None without programs.
    private func remembered() throws(DataplaneError) -> [Connection: UDPFlow] {
        let path = PinDirectory(directory, family).pin(of: .udpSockets)
        guard let number = try BPFObject.open(path) else { return [:] }
        let map = try BPFMap(owning: number, SocketMaps.subject(family, .udpSockets))
        guard map.valueSize == MemoryLayout<lb_udp_socket>.size else { return [:] }
        let entries = try map.entries(UInt64.self, lb_udp_socket.self)
        var found: [Connection: UDPFlow] = [:]
        for (cookie, record) in zip(entries.keys, entries.values) {
            guard let frontend = record.peer.frontend.socketAddress(family),
                let endpoint = record.peer.endpoint.socketAddress(family)
            else { continue }
            let connection = Connection(cookie: cookie, since: record.since)
            found[connection] = UDPFlow(destination: frontend, responder: endpoint)
        }
        return found
    }
}

/// What the programs remember of one `connect()`.
private struct Connection: Hashable {
    var cookie: UInt64
    /// `CLOCK_MONOTONIC`, as `bpf_ktime_get_ns` has it.
    var since: UInt64

    static var now: UInt64 {
        var time = timespec()
        unsafe _ = clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }
}

/// One look.
private struct SocketLook: Sendable {
    let family: IPFamily
    /// What is not found yet, by cookie: the endpoint that the socket had.
    var pending: [UInt64: SocketAddress] = [:]
    /// What the kernel refused to end.
    var refused: Set<UInt64> = []
    var report = TranslatedSockets.Report()

    init(_ family: IPFamily, _ stale: [Connection: UDPFlow]) {
        self.family = family
        for (connection, flow) in stale { pending[connection.cookie] = flow.responder }
    }

    /// How often sockets are looked for: the kernel's list may miss one if another is closed meanwhile.
    private static let rounds = 2

    consuming func here() throws(DataplaneError) -> SocketLook {
        for _ in 0..<Self.rounds where !pending.isEmpty {
            report.namespaces = 0
            try look()
        }
        return self
    }

    func everywhere() throws(DataplaneError) -> SocketLook {
        // A new thread may be in another namespace than this one.
        let node = try OwnedDescriptor.open("/proc/thread-self/ns/net")
        let number = node.number
        let answer: Result<SocketLook, DataplaneError>
        do throws(Errno) {
            answer = try waitingForOwnThread {
                Result { () throws(DataplaneError) in try inEachNamespace(from: number) }
            }
        } catch {
            throw .system("pthread_create", "sockets of the socket level", error.rawValue)
        }
        _ = consume node
        return try answer.get()
    }

    private consuming func inEachNamespace(
        from node: Int32
    ) throws(DataplaneError) -> SocketLook {
        var isHidden = false
        for _ in 0..<Self.rounds where !pending.isEmpty {
            report.namespaces = 0
            try NetworkNamespace.enter("/proc/self/fd/\(node)")
            let listing = try NetworkNamespace.all()
            isHidden = listing.hidden > 0
            for path in listing.paths where !pending.isEmpty {
                do throws(DataplaneError) {
                    try NetworkNamespace.enter(path)
                } catch {
                    // Otherwise the namespace has ended.
                    if error.kind == .notPermitted { isHidden = true }
                    continue
                }
                try look()
            }
        }
        if isHidden, !pending.isEmpty { report.failures.append(Self.hidden) }
        return self
    }

    private static let hidden = DataplaneError.system(
        "setns",
        "network namespaces of pods",
        EPERM,
        kind: .unsupported,
        message:
            "UDP sockets there may keep endpoints that are gone; CAP_SYS_ADMIN and CAP_SYS_PTRACE are needed"
    )

    /// In the present namespace.
    private mutating func look() throws(DataplaneError) {
        var sockets = try DatagramSockets(family)
        report.namespaces += 1
        // A socket may have connected once more, past the programs.
        let stale = try sockets.list(peers: Set(pending.values)).filter {
            pending[$0.cookie] == $0.peer
        }
        report.examined += sockets.told
        let refusals = try sockets.end(stale)
        for socket in stale { pending[socket.cookie] = nil }
        for refusal in refusals { refused.insert(refusal.socket.cookie) }
        report.failures += refusals.map { $0.error }
        report.ended += stale.count - refusals.count
    }
}
