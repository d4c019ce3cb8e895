package import DataplaneModel
import Glibc
import SystemCalls

/// Kernel parameters below /proc/sys; network parameters are those of this thread's namespace.
package enum Sysctl {
    /// The value without surrounding blanks. The name has dots, as in `net.ipv4.ip_forward`, or where a
    /// component holds a dot slashes, as in `net/ipv4/conf/eth0.100/forwarding`.
    ///
    /// - Throws: `.notFound` if the kernel has no such parameter; `.invalid` for an impossible name.
    package static func read(_ name: String) throws(DataplaneError) -> String {
        let path = try path(of: name)
        let content: [UInt8]
        do throws(FileError) {
            content = try WholeFile.read(path, limit: 1 << 20)
        } catch {
            throw .file(error, path)
        }
        return text(content)
    }

    /// Without surrounding blanks.
    static func text(_ content: [UInt8]) -> String {
        let blanks: Set<UInt8> = [0x20, 0x09, 0x0a]
        let value = content.drop { blanks.contains($0) }.reversed().drop { blanks.contains($0) }
        return String(decoding: value.reversed(), as: UTF8.self)
    }

    /// Sets the value, which must be one line.
    ///
    /// - Throws: as `read`; `.invalid` for a value of several lines or one that the kernel rejects.
    package static func write(_ value: String, to name: String) throws(DataplaneError) {
        let path = try path(of: name)
        guard !value.isEmpty, value.utf8.allSatisfy({ $0 >= 0x20 || $0 == 0x09 }) else {
            throw invalid(name, "\"\(value)\" is not a value of one line")
        }
        do throws(FileError) {
            try WholeFile.write(Array("\(value)\n".utf8), to: path)
        } catch {
            throw .file(error, path)
        }
    }

    static func path(of name: String) throws(DataplaneError) -> String {
        let separator: Character = name.contains("/") ? "/" : "."
        let parts = name.split(separator: separator, omittingEmptySubsequences: false)
        for part in parts {
            // Nothing that leads out of /proc/sys or to an unexpected file.
            guard !part.isEmpty, part != ".", part != "..",
                part.utf8.allSatisfy({ (0x21...0x7e).contains($0) && $0 != UInt8(ascii: "/") })
            else { throw invalid(name, "\"\(part)\" cannot be a part of a parameter's name") }
        }
        return "/proc/sys/" + parts.joined(separator: "/")
    }

    private static func invalid(_ name: String, _ reason: String) -> DataplaneError {
        .system("sysctl", name, EINVAL, kind: .invalid, message: reason)
    }
}
