import Glibc
import NIOCore
import NIOPosix
import SystemCalls
import SystemPackage

/// Identifies the peer of a connection from 127.0.0.1 to 127.0.0.1.
enum LoopbackPeer {
    /// The rest of the table is not read: about 1.7 million sockets.
    private static let limit = 256 << 20

    /// For reading the table, which takes seconds with very many sockets.
    private static let pool = {
        let pool = NIOThreadPool(numberOfThreads: 1)
        pool.start()
        return pool
    }()

    /// Whether the peer is a process of the same user (`/proc/net/tcp`, column `uid`). False if it
    /// is not found, or if `isWanted` is false when its turn comes. Call on the channel's event
    /// loop, which is not blocked.
    static func isSameUser(
        _ channel: any Channel,
        isWanted: @escaping @Sendable () -> Bool
    ) -> EventLoopFuture<Bool> {
        guard let own = channel.localAddress?.port, let peer = channel.remoteAddress?.port else {
            return channel.eventLoop.makeSucceededFuture(false)
        }
        return pool.runIfActive(eventLoop: channel.eventLoop) {
            isWanted()
                && isOwned(
                    by: geteuid(),
                    peer: peer,
                    own: own,
                    table: "/proc/thread-self/net/tcp"
                )
        }
    }

    /// Whether the first `limit` bytes of the file `table` hold the peer's end of the connection,
    /// established and of this user.
    static func isOwned(
        by user: uid_t,
        peer: Int,
        own: Int,
        table: String,
        limit: Int = limit
    ) -> Bool {
        guard let file = try? OwnedDescriptor(opening: table, .readOnly) else { return false }
        let ends = Array(" \(end(peer)) \(end(own)) ".utf8)
        var total = 0
        var rest: [UInt8] = []
        while total < limit {
            guard let chunk = try? file.read(upTo: min(64 << 10, limit - total)), !chunk.isEmpty
            else { return false }
            total += chunk.count
            rest += chunk
            var start = rest.startIndex
            while let newline = rest[start...].firstIndex(of: 0x0a) {
                if let owner = owner(rest[start..<newline], ends) { return owner == "\(user)" }
                start = newline + 1
            }
            rest.removeSubrange(..<start)
        }
        return false
    }

    /// The user of the established connection between these ends, from one line.
    private static func owner(_ line: ArraySlice<UInt8>, _ ends: [UInt8]) -> String? {
        // sl: local_address rem_address st queues timer retransmits uid
        guard let colon = line.firstIndex(of: 0x3a), line[(colon + 1)...].starts(with: ends) else {
            return nil
        }
        let fields = line[(colon + 1 + ends.count)...].split(separator: 0x20)
        // The kernel shows user 0 for a socket its process has already closed.
        guard fields.count > 4, fields[0].elementsEqual("01".utf8) else { return nil }
        return String(decoding: fields[4], as: UTF8.self)
    }

    /// 127.0.0.1 in host byte order, as the kernel prints it.
    private static func end(_ port: Int) -> String {
        let hex = String(port, radix: 16, uppercase: true)
        let address = String(UInt32(0x7f00_0001).bigEndian, radix: 16, uppercase: true)
        return "\(padded(address, 8)):\(padded(hex, 4))"
    }

    private static func padded(_ text: String, _ width: Int) -> String {
        String(repeating: "0", count: max(0, width - text.count)) + text
    }
}
