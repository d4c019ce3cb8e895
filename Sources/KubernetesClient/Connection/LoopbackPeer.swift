import Glibc
import NIOCore

/// Who is at the other end of a connection from 127.0.0.1 to 127.0.0.1.
enum LoopbackPeer {
    /// Whether it is a process of our own user (`/proc/net/tcp`, column `uid`). What can't be found
    /// is not ours.
    static func isOurs(_ channel: any Channel) -> Bool {
        guard let own = channel.localAddress?.port, let peer = channel.remoteAddress?.port,
            let table = try? textOfFile("/proc/thread-self/net/tcp", limit: 256 << 20)
        else { return false }
        return isOwned(by: geteuid(), peer: peer, own: own, table: table)
    }

    /// Whether `table` has the peer's end of the connection, and with this user.
    static func isOwned(by user: uid_t, peer: Int, own: Int, table: String) -> Bool {
        let ends = [end(peer), end(own)]
        for line in table.split(separator: "\n").dropFirst() {
            // sl, local_address, rem_address, st, queues, timer, retransmits, uid
            let fields = line.split(separator: " ", omittingEmptySubsequences: true)
            guard fields.count > 7, fields[1...2].elementsEqual(ends, by: ==) else { continue }
            return fields[7] == "\(user)"
        }
        return false
    }

    /// 127.0.0.1 in the byte order of this machine, as the kernel prints it.
    private static func end(_ port: Int) -> String {
        let hex = String(port, radix: 16, uppercase: true)
        let address = String(UInt32(0x7f00_0001).bigEndian, radix: 16, uppercase: true)
        return "\(padded(address, 8)):\(padded(hex, 4))"
    }

    private static func padded(_ text: String, _ width: Int) -> String {
        String(repeating: "0", count: max(0, width - text.count)) + text
    }
}
