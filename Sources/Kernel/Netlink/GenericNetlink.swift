import CNetlink

extension NetlinkBatch {
    /// Begins a message of a generic netlink family (`struct genlmsghdr`).
    package mutating func begin(
        generic family: UInt16,
        command: UInt8,
        version: UInt8 = 1,
        flags: UInt16 = 0
    ) {
        begin(family, flags: flags)
        append(command)
        append(version)
        append(UInt16(0))
    }
}

extension NetlinkSocket {
    /// This kernel's number of a generic netlink family, for which it may load a module; nil if it has
    /// no such family.
    package func genericFamily(_ name: String) -> UInt16? {
        traffic.count(messages: 1)
        return handle.genericFamily(name)
    }
}
