import Addressing

/// Where a packet goes, as a bit string that a tree can branch on: address, protocol, port.
///
/// `anyTransport` in place of protocol and port stands for whatever else goes to the address, and
/// sorts behind the address's ports.
struct DispatchKey: Hashable, Comparable {
    /// Right-aligned; zero in a tree without addresses.
    var address: UInt128
    /// Two bits of protocol and 16 of port.
    var transport: UInt32

    static let transportWidth = 18
    static let anyTransport: UInt32 = 3 << 16

    init(address: UInt128, transport: UInt32) {
        self.address = address
        self.transport = transport
    }

    /// Protocol and port at an address, or at any address (for node ports).
    init(_ address: IPAddress?, _ transport: TransportProtocol, _ port: PortNumber) {
        self.address = address?.bits ?? 0
        self.transport = Self.code(transport) << 16 | UInt32(port.value)
    }

    /// Of a frontend in the tree of its sort; nil for one that no tree holds.
    init?(_ frontend: FrontendKey) {
        switch frontend {
        case .address(let socket, let transport): self.init(socket.address, transport, socket.port)
        case .nodePort(let port, let transport): self.init(nil, transport, port)
        case .healthCheck(let port): self.init(nil, .tcp, port)
        case .remainder(let address):
            self.init(address: address.bits, transport: Self.anyTransport)
        case .mark: return nil
        }
    }

    /// The protocol; nil stands for any.
    var transportProtocol: TransportProtocol? {
        switch transport >> 16 {
        case 0: .tcp
        case 1: .udp
        case 2: .sctp
        default: nil
        }
    }

    var port: UInt16 { UInt16(truncatingIfNeeded: transport) }

    private static func code(_ transport: TransportProtocol) -> UInt32 {
        switch transport {
        case .tcp: 0
        case .udp: 1
        case .sctp: 2
        }
    }

    static func < (left: DispatchKey, right: DispatchKey) -> Bool {
        left.address == right.address
            ? left.transport < right.transport : left.address < right.address
    }
}

/// The bit positions at which a dispatch tree may branch.
///
/// They are fixed, so that a tree's shape depends on its keys alone and a change stays on one path.
/// Counted from the end of address and port, so that runs of allocated addresses fill leaves.
struct DispatchLevels {
    /// Bits of address in a key: 0, 32 or 128.
    let addressWidth: Int
    /// Ascending; the first is 0, the last the whole width. Fan-out is 8 between most.
    let cuts: [Int]

    init(addressWidth: Int) {
        self.addressWidth = addressWidth
        let address = addressWidth == 0 ? [] : Array(stride(from: 2, through: addressWidth, by: 3))
        let transport = addressWidth + 2
        cuts =
            [0] + address + [transport] + stride(from: 1, through: 16, by: 3).map { transport + $0 }
    }

    /// Index of the last cut that lies within the common prefix of two keys.
    func commonCut(_ first: DispatchKey, _ last: DispatchKey) -> Int {
        let common: Int
        if first.address != last.address {
            let differing = (first.address ^ last.address).leadingZeroBitCount
            common = differing - (128 - addressWidth)
        } else if first.transport != last.transport {
            let differing = (first.transport ^ last.transport).leadingZeroBitCount
            common = addressWidth + differing - (32 - DispatchKey.transportWidth)
        } else {
            return cuts.count - 1
        }
        return (cuts.firstIndex { $0 > common } ?? cuts.count) - 1
    }

    /// The lowest and highest key that share `key`'s first `length` bits.
    func bounds(_ key: DispatchKey, length: Int) -> (lowest: DispatchKey, highest: DispatchKey) {
        let free = max(0, addressWidth - length)
        let addressMask: UInt128 = free >= 128 ? .max : (1 << UInt128(free)) - 1
        let freeTransport = min(18, max(0, addressWidth + 18 - length))
        let transportMask: UInt32 = (1 << UInt32(freeTransport)) - 1
        return (
            DispatchKey(
                address: key.address & ~addressMask,
                transport: key.transport & ~transportMask
            ),
            DispatchKey(
                address: key.address | (addressWidth == 0 ? 0 : addressMask),
                transport: key.transport | transportMask
            )
        )
    }
}
