import Glibc
import SystemCalls

/// journald's native protocol (systemd.io/JOURNAL_NATIVE_PROTOCOL): one datagram per entry, with
/// fields that `journalctl` can select by.
final class JournalSocket: Sendable {
    static let standardPath = "/run/systemd/journal/socket"

    private let socket: OwnedDescriptor
    private let address: SystemAddress

    /// Nil if the system has no such sockets; whether journald listens is only known when an entry
    /// is sent.
    init?(path: String = standardPath) {
        guard let address = SystemAddress(unix: path),
            let socket = try? OwnedDescriptor(socket: AF_UNIX, SOCK_DGRAM)
        else { return nil }
        self.socket = socket
        self.address = address
    }

    /// False if journald does not accept it at once.
    func send(_ fields: [(name: String, value: String)]) -> Bool {
        address.send(Self.entry(fields), through: socket, flags: Int32(MSG_DONTWAIT))
    }

    /// `NAME=value`, or with the value's length in between if the value contains line breaks.
    static func entry(_ fields: [(name: String, value: String)]) -> [UInt8] {
        var bytes: [UInt8] = []
        for (name, value) in fields {
            let value = Array(value.utf8)
            bytes += name.utf8
            if value.contains(UInt8(ascii: "\n")) {
                bytes.append(UInt8(ascii: "\n"))
                unsafe withUnsafeBytes(of: UInt64(value.count).littleEndian) { unsafe bytes += $0 }
            } else {
                bytes.append(UInt8(ascii: "="))
            }
            bytes += value
            bytes.append(UInt8(ascii: "\n"))
        }
        return bytes
    }

    /// The field name of a metadata key: capitals, digits and underscores, at most 64 (systemd's
    /// rule).
    static func name(of key: String) -> String {
        let letters = key.utf8.map { byte -> Character in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"): Character(Unicode.Scalar(byte - 32))
            case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"):
                Character(Unicode.Scalar(byte))
            default: "_"
            }
        }
        return String(("FAIRLEAD_" + String(letters)).prefix(64))
    }
}
