import Addressing
import CIPTables
import DataplaneModel
import Glibc

/// The names of nftables' tables, which tell whether iptables-nft keeps rules there.
enum NFTablesTables {
    /// Asks for all tables; none where the kernel has no nftables. The request is
    /// `NFT_MSG_GETTABLE` (linux/netfilter/nf_tables.h) as a dump.
    static func names(
        _ families: [IPFamily]
    ) throws(DataplaneError) -> [(family: IPFamily, name: String)] {
        var found: [(family: IPFamily, name: String)] = []
        for family in families {
            found += try dump(family).map { (family: family, name: $0) }
        }
        return found
    }

    private static let header = 16
    /// struct nfgenmsg
    private static let general = 4

    private static func dump(_ family: IPFamily) throws(DataplaneError) -> [String] {
        let number = socket(AF_NETLINK, Int32(SOCK_RAW.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 12)
        // Without nfnetlink there are no nftables.
        guard number >= 0 else { return [] }
        let file = FileDescriptor(owning: number)
        // NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETTABLE; NLM_F_REQUEST | NLM_F_DUMP
        var request: [UInt8] = bytes(UInt32(header + general)) + bytes(UInt16(10 << 8 | 1))
        request += bytes(UInt16(0x301)) + bytes(UInt32(1)) + bytes(UInt32(0))
        request += [UInt8(family == .ipv4 ? AF_INET : AF_INET6), 0, 0, 0]
        guard unsafe send(file.number, request, request.count, 0) == request.count else {
            throw .system("send", "nfnetlink", errno)
        }
        var names: [String] = []
        while true {
            var reply = [UInt8](repeating: 0, count: 32768)
            let count = unsafe recv(file.number, &reply, reply.count, 0)
            guard count > 0 else { throw .system("recv", "nfnetlink", errno) }
            guard collect(reply[..<count], &names) else { return names }
        }
    }

    /// False when the dump has ended.
    private static func collect(_ reply: ArraySlice<UInt8>, _ names: inout [String]) -> Bool {
        var place = reply.startIndex
        while place + header <= reply.endIndex {
            let length = Int(uint32(reply, place))
            let type = uint16(reply, place + 4)
            // NLMSG_DONE ends a dump; NLMSG_ERROR says that there is no such subsystem.
            if type == 3 || type == 2 || length < header { return false }
            var attribute = place + header + general
            let end = min(place + length, reply.endIndex)
            while attribute + 4 <= end {
                let size = Int(uint16(reply, attribute))
                guard size >= 4, attribute + size <= end else { break }
                // NFTA_TABLE_NAME
                if uint16(reply, attribute + 2) & 0x3fff == 1 {
                    let text = reply[(attribute + 4)..<(attribute + size)].prefix { $0 != 0 }
                    names.append(String(decoding: text, as: UTF8.self))
                }
                attribute += (size + 3) & ~3
            }
            place += (length + 3) & ~3
        }
        return true
    }

    private static func bytes<Number: FixedWidthInteger>(_ number: Number) -> [UInt8] {
        (0..<(Number.bitWidth / 8)).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) }
    }

    private static func uint32(_ bytes: ArraySlice<UInt8>, _ place: Int) -> UInt32 {
        (0..<4).reduce(0) { $0 | UInt32(bytes[place + $1]) << (8 * UInt32($1)) }
    }

    private static func uint16(_ bytes: ArraySlice<UInt8>, _ place: Int) -> UInt16 {
        UInt16(bytes[place]) | UInt16(bytes[place + 1]) << 8
    }
}
