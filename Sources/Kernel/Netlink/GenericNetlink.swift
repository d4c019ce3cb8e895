extension NetlinkSocket {
    /// This kernel's number of a generic netlink family, for which it may load a module; nil if it has
    /// no such family.
    package func genericFamily(_ name: String) -> UInt16? {
        traffic.count(messages: 1)
        return handle.genericFamily(name)
    }
}
