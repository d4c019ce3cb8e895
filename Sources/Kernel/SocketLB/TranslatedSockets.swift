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
        /// Network namespaces that were looked at.
        package var namespaces = 0
        /// Sockets that the kernel told of.
        package var examined = 0
        /// Sockets that were ended.
        package var ended = 0
        /// Sockets that the kernel refused to end, and namespaces that could not be entered.
        package var failures: [DataplaneError] = []

        package init() {}
    }

    private let family: IPFamily
    private let directory: String
    private let scope: SocketPlace.Scope

    /// `directory` and `scope` are those of the programs' `SocketPlace`.
    package init(family: IPFamily, directory: String, scope: SocketPlace.Scope) {
        self.family = family
        self.directory = directory
        self.scope = scope
    }

    /// Ends the sockets for which `isStale` is true, among those with one of these endpoints, or all for nil. What a
    /// socket is given here is the frontend that its program asked for, and its endpoint.
    ///
    /// Only sockets that the programs remember are given: never one that a program connected to an endpoint itself.
    /// Other namespaces are entered on a thread that ends with this.
    ///
    /// - Throws: `.unsupported` if the kernel cannot list or end UDP sockets.
    package func end(
        at endpoints: Set<SocketAddress>?,
        where isStale: @escaping @Sendable (UDPFlow) -> Bool
    ) throws(DataplaneError) -> Report {
        let path = PinDirectory(directory, family).pin(of: .peers)
        guard let number = try BPFObject.open(path) else { return Report() }
        let peers = try BPFMap(owning: number, SocketMaps.subject(family, .peers))
        guard peers.valueSize == MemoryLayout<lb_peer>.size else { return Report() }
        let map = peers.number
        let look = SocketLook(family: family, map: map, endpoints: endpoints, isStale: isStale)
        // The map is open until all are looked at.
        return try withExtendedLifetime(peers) { () throws(DataplaneError) in
            switch scope {
            case .node: try look.here()
            case .all: try look.everywhere()
            }
        }
    }
}

/// One look.
private struct SocketLook: Sendable {
    let family: IPFamily
    let map: Int32
    let endpoints: Set<SocketAddress>?
    let isStale: @Sendable (UDPFlow) -> Bool

    func here() throws(DataplaneError) -> TranslatedSockets.Report {
        var report = TranslatedSockets.Report()
        try look(&report)
        return report
    }

    func everywhere() throws(DataplaneError) -> TranslatedSockets.Report {
        // A new thread may be in another namespace than this one.
        let node = try OwnedDescriptor.open("/proc/thread-self/ns/net")
        let number = node.number
        let answer: Result<TranslatedSockets.Report, DataplaneError>
        do throws(Errno) {
            answer = try waitingForOwnThread {
                Result { () throws(DataplaneError) in
                    try NetworkNamespace.enter("/proc/self/fd/\(number)")
                    return try inEachNamespace()
                }
            }
        } catch {
            throw .system("pthread_create", "sockets of the socket level", error.rawValue)
        }
        _ = consume node
        return try answer.get()
    }

    private func inEachNamespace() throws(DataplaneError) -> TranslatedSockets.Report {
        var report = TranslatedSockets.Report()
        let listing = try NetworkNamespace.all()
        var isRefused = false
        for path in listing.paths {
            do throws(DataplaneError) {
                try NetworkNamespace.enter(path)
            } catch {
                // Otherwise the namespace has ended.
                if error.kind == .notPermitted { isRefused = true }
                continue
            }
            try look(&report)
        }
        if isRefused || listing.hidden > 0 { report.failures.append(Self.hidden) }
        return report
    }

    private static let hidden = DataplaneError.system(
        "setns",
        "network namespaces of pods",
        EPERM,
        kind: .unsupported,
        message:
            "UDP sockets there may keep endpoints that are gone; CAP_SYS_ADMIN and CAP_SYS_PTRACE are needed"
    )

    /// How often sockets are looked for in a namespace that had some: the kernel's list may miss one if another is
    /// closed meanwhile.
    private static let looks = 3

    /// In the present namespace.
    private func look(_ report: inout TranslatedSockets.Report) throws(DataplaneError) {
        var sockets = try DatagramSockets(family, storage: map)
        report.namespaces += 1
        var refusals: [DataplaneError] = []
        for _ in 0..<Self.looks {
            let present = try sockets.list(peers: endpoints)
            let stale = present.filter(isStale)
            if stale.isEmpty { break }
            refusals = try sockets.end(stale)
            report.ended += stale.count - refusals.count
        }
        report.examined += sockets.told
        report.failures += refusals
    }

    private func isStale(_ socket: DatagramSocket) -> Bool {
        guard
            let record = unsafe socket.storage.withUnsafeBytes({ bytes in
                // All bytes of the record are there, and each of its fields takes any value.
                unsafe bytes.count >= MemoryLayout<lb_peer>.size
                    ? bytes.loadUnaligned(as: lb_peer.self) : nil
            }),
            let frontend = record.frontend.socketAddress(family),
            let endpoint = record.endpoint.socketAddress(family),
            // A socket may connect once more, past the programs.
            endpoint == socket.peer
        else { return false }
        return isStale(UDPFlow(destination: frontend, responder: endpoint))
    }
}
