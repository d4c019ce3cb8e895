package import Addressing

/// The type of one field of an element's key or value.
package enum NFTField: String, Sendable, Hashable, CaseIterable {
    /// An address of the table's family.
    case address
    /// A transport protocol number.
    case transport
    case port
    /// A packet's scratch value, nft's `classid`, as in `meta priority`.
    case classID
    /// A number, for instance from `numgen` or `jhash`.
    case number

    /// Number of bits.
    package func width(_ family: IPFamily) -> Int {
        switch self {
        case .address: family.bitWidth
        case .transport: 8
        case .port: 16
        case .classID, .number: 32
        }
    }
}

/// One field of a key or value with its content.
package enum NFTPart: Sendable, Hashable {
    case address(IPAddress)
    /// The last field of an element of an interval set that holds more than one address.
    case range(IPPrefix)
    case transport(UInt8)
    case port(UInt16)
    case classID(UInt32)
    case number(UInt32)
}
