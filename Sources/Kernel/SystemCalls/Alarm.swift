import Glibc
package import SystemPackage

/// Wakes a thread that waits for descriptors: one of them is the alarm's.
package struct Alarm: ~Copyable, Sendable {
    private let reading: OwnedDescriptor
    private let writing: OwnedDescriptor

    /// Not set.
    ///
    /// - Throws: the error of socketpair(2).
    package init() throws(Errno) {
        var ends: [Int32] = [-1, -1]
        let flags = SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue
        let kind = Int32(SOCK_STREAM.rawValue | flags)
        guard unsafe socketpair(AF_UNIX, kind, 0, &ends) == 0 else { throw .last }
        reading = OwnedDescriptor(owning: ends[0])
        writing = OwnedDescriptor(owning: ends[1])
    }

    /// Can be read while the alarm is set.
    package var descriptor: Int32 { reading.number }

    package func set() {
        var byte: UInt8 = 0
        // A full socket is set already.
        _ = unsafe write(writing.number, &byte, 1)
    }

    /// Ends it.
    package func clear() {
        var bytes: (UInt64, UInt64) = (0, 0)
        // What is left of a larger number keeps it set, which costs another look.
        _ = unsafe read(reading.number, &bytes, MemoryLayout.size(ofValue: bytes))
    }
}
