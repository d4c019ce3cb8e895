import Addressing
import CNetlink
import Glibc
import Netlink

// Messages of sock_diag (`struct inet_diag_req_v2`) about UDP sockets.
extension NetlinkBatch {
    /// Requests all connected sockets of one protocol family with a peer that `filter` accepts.
    mutating func dumpConnected(_ protocolFamily: UInt8, _ filter: PeerFilter) {
        begin(UInt16(SOCK_DIAG_BY_FAMILY), flags: UInt16(NLM_F_DUMP))
        append([protocolFamily, UInt8(IPPROTO_UDP), 0, 0])
        append(UInt32(1 << 1))  // TCP_ESTABLISHED, which UDP has for connected
        append([UInt8](repeating: 0, count: MemoryLayout<inet_diag_sockid>.size))
        if !filter.bytes.isEmpty { attribute(INET_DIAG_REQ_BYTECODE, filter.bytes) }
    }

    /// Ends one socket, unless another one has its addresses by now.
    mutating func destroy(_ protocolFamily: UInt8, _ identity: [UInt8]) {
        begin(UInt16(SOCK_DESTROY))
        append([protocolFamily, UInt8(IPPROTO_UDP), 0, 0])
        append(UInt32.max)
        append(identity)
    }
}

/// A filter that the kernel runs for each socket: is the peer one of these?
struct PeerFilter {
    /// `INET_DIAG_REQ_BYTECODE`; empty if all are to be told.
    private(set) var bytes: [UInt8] = []

    /// The kernel checks a filter in a time that grows with its square, and runs it for every socket.
    static let limit = 64

    /// All sockets for more than `limit` peers.
    init(_ peers: Set<SocketAddress>) {
        guard peers.count <= Self.limit else { return }
        let sorted = peers.sorted()
        // Each condition goes on to a jump to the end if it holds, and behind that jump if not: to the next one,
        // or at last behind the end, which rejects the socket.
        let size = sorted.reduce(0) { $0 + Self.size($1.address.family) + Self.operation }
        for (index, peer) in sorted.enumerated() {
            let length = Self.size(peer.address.family)
            let isLast = index == sorted.count - 1
            append(INET_DIAG_BC_D_COND, length, length + (isLast ? 8 : Self.operation))
            append(peer)
            append(INET_DIAG_BC_JMP, Self.operation, size - bytes.count)
        }
    }

    /// `struct inet_diag_bc_op`
    private static let operation = MemoryLayout<inet_diag_bc_op>.size

    /// Of a condition with its `struct inet_diag_hostcond`.
    private static func size(_ family: IPFamily) -> Int {
        operation + MemoryLayout<inet_diag_hostcond>.size + family.bitWidth / 8
    }

    private mutating func append(_ code: Int, _ yes: Int, _ no: Int) {
        bytes += [UInt8(code), UInt8(yes), UInt8(no & 0xff), UInt8(no >> 8)]
    }

    private mutating func append(_ peer: SocketAddress) {
        let width = peer.address.family.bitWidth
        bytes += [peer.address.family.protocolFamily, UInt8(width), 0, 0]
        bytes += UInt32(peer.port.value).hostBytes
        bytes += (0..<(width / 8)).map {
            UInt8(truncatingIfNeeded: peer.address.bits >> UInt128(width - 8 - 8 * $0))
        }
    }
}
