import CNetlink

/// Builds one message after the other in a `struct nl_msg` of libnl, which grows with the largest.
///
/// Pointers are valid until the next call. Stops the program if there is no memory.
@safe
@usableFromInline
final class NetlinkMessageBuilder {
    private let message: OpaquePointer

    @usableFromInline
    init() {
        guard let message = unsafe nlmsg_alloc() else { preconditionFailure("out of memory") }
        unsafe self.message = message
    }

    deinit {
        unsafe nlmsg_free(message)
    }

    /// The number of bytes so far.
    var count: Int { Int(unsafe nlmsg_hdr(message).pointee.nlmsg_len) }

    /// Begins the next message.
    func begin(_ type: UInt16, _ flags: UInt16) {
        empty()
        _ = unsafe nlmsg_put(message, 0, 0, Int32(type), 0, Int32(flags))
    }

    /// Begins the next message, of a generic netlink family.
    func begin(generic family: UInt16, _ command: UInt8, _ version: UInt8, _ flags: UInt16) {
        empty()
        _ = unsafe genlmsg_put(message, 0, 0, Int32(family), 0, Int32(flags), command, version)
    }

    /// libnl puts a header into an empty message, as it has just allocated one.
    private func empty() {
        unsafe nlmsg_hdr(message).pointee.nlmsg_len = UInt32(nlmsg_total_size(0))
    }

    /// Copies the message, padded, to the end of `storage`.
    func append(to storage: inout [UInt8]) {
        pad()
        let start = unsafe UnsafeRawPointer(nlmsg_hdr(message))
        unsafe storage.append(contentsOf: UnsafeRawBufferPointer(start: start, count: count))
    }

    /// Room for `count` bytes without padding.
    @usableFromInline
    func reserve(_ count: Int) -> UnsafeMutableRawPointer {
        unsafe growing { unsafe nlmsg_reserve(message, count, 0) }
    }

    /// Zeros up to the next multiple of four bytes.
    func pad() {
        let missing = -count & 3
        if missing == 0 { return }
        unsafe reserve(missing).initializeMemory(as: UInt8.self, repeating: 0, count: missing)
    }

    /// Room for the `count` bytes of an attribute.
    @usableFromInline
    func attribute(_ type: UInt16, _ count: Int) -> UnsafeMutableRawPointer {
        let head = unsafe growing {
            unsafe UnsafeMutableRawPointer(
                nla_reserve(message, Int32(type), Int32(clamping: count))
            )
        }
        return unsafe nla_data(head.assumingMemoryBound(to: nlattr.self))
    }

    /// Opens an attribute, and returns its place.
    @usableFromInline
    func openNested(_ type: UInt16) -> Int {
        let head = unsafe growing {
            unsafe UnsafeMutableRawPointer(nla_reserve(message, Int32(type), 0))
        }
        return unsafe UnsafeRawPointer(head) - UnsafeRawPointer(nlmsg_hdr(message))
    }

    /// Sets an attribute's length: `nla_nest_end` would drop empty ones, and count padding behind bytes.
    @usableFromInline
    func closeNested(_ start: Int) {
        let length = UInt16(truncatingIfNeeded: count - start)
        let head = unsafe UnsafeMutableRawPointer(nlmsg_hdr(message)) + start
        unsafe head.assumingMemoryBound(to: nlattr.self).pointee.nla_len = length
    }

    private func growing(
        _ reserve: () -> UnsafeMutableRawPointer?
    ) -> UnsafeMutableRawPointer {
        while true {
            if let place = unsafe reserve() { return unsafe place }
            let size = unsafe nlmsg_get_max_size(message)
            guard unsafe nlmsg_expand(message, 2 * size) == 0 else {
                preconditionFailure("out of memory")
            }
        }
    }
}
