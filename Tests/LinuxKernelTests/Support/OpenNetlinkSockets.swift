/// The netlink sockets of programs in the calling thread's network namespace, each by its number.
func openNetlinkSockets() throws -> Set<Int> {
    let lines = try Program.check(["cat", "/proc/self/net/netlink"]).split(separator: "\n")
    let sockets = lines.dropFirst().compactMap { line -> Int? in
        let columns = line.split(separator: " ")
        // The kernel's own have no port.
        guard columns.count == 10, columns[2] != "0" else { return nil }
        return Int(columns[9])
    }
    return Set(sockets)
}
