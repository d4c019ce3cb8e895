import Addressing
import CNetlink
package import DataplaneModel
import Glibc
import HostFacts
package import Netlink

/// IPVS's generic netlink interface, in the network namespace of the thread that opened it.
package final class IPVSSocket {
    /// A request that the kernel refused.
    package struct Refusal {
        var request: IPVSRequest
        package var error: DataplaneError
    }

    /// No request has more bytes. They are encoded for one send after the other, in the same memory: all requests of
    /// Services with many endpoints would take megabytes.
    private static let largestRequest = 192

    private var socket: NetlinkSocket
    private let family: UInt16
    /// Virtual servers created through this socket, minus those deleted.
    private(set) var virtualServersMade = 0

    /// Makes the kernel load IPVS if that is a module.
    ///
    /// - Throws: `.unsupported` if the kernel has no IPVS.
    package init(_ traffic: NetlinkTraffic = NetlinkTraffic()) throws(DataplaneError) {
        var socket = try NetlinkSocket(NETLINK_GENERIC, name: "IPVS", traffic)
        guard let family = try socket.genericFamily(IPVS_GENL_NAME) else {
            throw .system(
                "CTRL_CMD_GETFAMILY",
                "IPVS",
                ENOENT,
                kind: .unsupported,
                message: "the kernel has no IPVS: \(Cure.missing("ip_vs", "CONFIG_IP_VS"))"
            )
        }
        self.socket = socket
        self.family = family
    }

    /// Whether IPVS is in the kernel. Does not load it, as opening a socket would on a host that never
    /// used it.
    package static var isLoaded: Bool { unsafe access("/proc/net/ip_vs", F_OK) == 0 }

    /// All virtual servers of both families, foreign ones included.
    package func virtualServers() throws(DataplaneError) -> [VirtualServerRecord] {
        var batch = NetlinkBatch()
        begin(&batch, UInt8(IPVS_CMD_GET_SERVICE), flags: UInt16(NLM_F_DUMP))
        return try socket.request(&batch).compactMap { VirtualServerRecord($0) }
    }

    /// Nil if there is no such virtual server.
    package func virtualServer(_ key: VirtualServer.Key) throws(DataplaneError)
        -> VirtualServerRecord?
    {
        var batch = NetlinkBatch()
        begin(&batch, UInt8(IPVS_CMD_GET_SERVICE))
        batch.appendVirtualServer(key)
        do throws(DataplaneError) {
            return try socket.request(&batch).first.flatMap { VirtualServerRecord($0) }
        } catch {
            guard error.errno == ESRCH else { throw error }
            return nil
        }
    }

    /// The real servers of a virtual server; none if it does not exist.
    func realServers(
        of key: VirtualServer.Key
    ) throws(DataplaneError) -> [RealServerRecord] {
        var batch = NetlinkBatch()
        begin(&batch, UInt8(IPVS_CMD_GET_DEST), flags: UInt16(NLM_F_DUMP))
        batch.appendVirtualServer(key)
        return try socket.request(&batch)
            .compactMap { RealServerRecord($0, family: key.family) }
    }

    /// Sends all requests, many at a time; the kernel carries them out in order, and goes on after a
    /// refusal. Returns the refusals.
    package func carryOut(_ requests: [IPVSRequest]) throws(DataplaneError) -> [Refusal] {
        var refusals: [Refusal] = []
        var batch = NetlinkBatch(
            reserving: min(Self.largestRequest * requests.count, socket.traffic.bytesPerSend)
        )
        // Where the requests in the batch begin.
        var first = 0
        for index in requests.indices {
            requests[index].encode(into: &batch, family: family)
            let isLast = index + 1 == requests.count
            guard isLast || batch.byteCount + Self.largestRequest > socket.traffic.bytesPerSend
            else { continue }
            for refusal in try socket.transact(&batch) {
                let request = requests[first + refusal.index]
                let error = request.error(refusal.errno, refusal.message)
                refusals.append(Refusal(request: request, error: error))
            }
            batch.removeAll()
            first = index + 1
        }
        virtualServersMade += requests.reduce(0) { $0 + $1.virtualServersMade }
        virtualServersMade -= refusals.reduce(0) { $0 + $1.request.virtualServersMade }
        return refusals
    }

    /// Sends one request that is not about a virtual server, such as `IPVS_CMD_GET_CONFIG`, and returns
    /// the attributes of the answer, if there is one.
    package func ask(
        _ command: some BinaryInteger,
        _ attributes: (inout NetlinkBatch) -> Void = { _ in }
    ) throws(DataplaneError) -> NetlinkBytes? {
        var batch = NetlinkBatch()
        begin(&batch, UInt8(command))
        attributes(&batch)
        return try socket.request(&batch).first?.attributes
    }

    private func begin(_ batch: inout NetlinkBatch, _ command: UInt8, flags: UInt16 = 0) {
        batch.begin(
            generic: family,
            command: command,
            version: UInt8(IPVS_GENL_VERSION),
            flags: flags
        )
    }
}

extension IPVSRequest {
    fileprivate var virtualServersMade: Int {
        switch self {
        case .newVirtualServer: 1
        case .deleteVirtualServer: -1
        case .setVirtualServer, .newRealServer, .setRealServer, .deleteRealServer: 0
        }
    }
}
