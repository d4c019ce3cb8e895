import Addressing
import CNetlink
import DataplaneModel
import Netlink

/// The user data of a set, which the kernel only stores for nft: byte orders and, for types without a
/// name, an example of each field.
///
/// Without it `nft list` prints keys that it cannot read again. It is a list of items, each with a type
/// and a length of one byte, and a content that may be such a list again.
struct NFTUserData {
    private(set) var bytes: [UInt8] = []

    private mutating func note(_ type: UInt8, _ content: [UInt8]) {
        bytes.append(type)
        bytes.append(UInt8(content.count))
        bytes += content
    }

    private mutating func note(_ type: UInt8, _ number: UInt32) { note(type, number.hostBytes) }

    private mutating func note(_ type: UInt8, _ content: NFTUserData) {
        note(type, content.bytes)
    }

    private init() {}

    // `enum nftnl_udata_set_types`
    private static let keyByteOrder: UInt8 = 0
    private static let dataByteOrder: UInt8 = 1
    private static let keyExample: UInt8 = 3
    private static let dataExample: UInt8 = 4
    private static let dataIsInterval: UInt8 = 6

    /// For a named set.
    init(_ shape: NFTSetShape, _ family: IPFamily) {
        var all = shape.key
        if case .fields(let data) = shape.mapping { all += data }
        let byExample = all.contains(.number)
        note(Self.keyByteOrder, Self.byteOrder(shape.key))
        switch shape.mapping {
        case .none: break
        case .verdict: note(Self.dataByteOrder, 0)
        case .fields(let data): note(Self.dataByteOrder, Self.byteOrder(data))
        }
        note(Self.keyExample, shape.key, byExample, family)
        if case .fields(let data) = shape.mapping {
            note(Self.dataExample, data, byExample, family)
        }
        if shape.mapping != .none { note(Self.dataIsInterval, 0) }
    }

    /// For the anonymous set of a rule that names protocols.
    static var transports: NFTUserData {
        var data = NFTUserData()
        data.note(keyByteOrder, hostOrder)
        data.note(keyExample, example(.transport, .ipv4))
        return data
    }

    private static let hostOrder: UInt32 = 1
    private static let networkOrder: UInt32 = 2

    /// None for a concatenation, which has several.
    private static func byteOrder(_ fields: [NFTField]) -> UInt32 {
        guard fields.count == 1 else { return 0 }
        if fields[0] == .transport { return 0 }
        return fields[0].isInHostOrder ? hostOrder : networkOrder
    }

    /// A concatenation always has an item, without content if the type is sufficient.
    private mutating func note(
        _ type: UInt8,
        _ fields: [NFTField],
        _ byExample: Bool,
        _ family: IPFamily
    ) {
        if fields.count == 1 {
            if byExample { note(type, Self.example(fields[0], family)) }
            return
        }
        var parts = NFTUserData()
        if byExample {
            for (index, field) in fields.enumerated() {
                parts.note(UInt8(index), Self.example(field, family))
            }
        }
        note(type, Self.expression(Self.concatenation, parts))
    }

    // `enum expr_types`, `enum proto_desc_id` and fields of its descriptions, in nft's source
    private static let payload: UInt32 = 7
    private static let meta: UInt32 = 9
    private static let concatenation: UInt32 = 13
    private static let numberGenerator: UInt32 = 23
    private static let transportHeader: UInt32 = 11

    private static func example(_ field: NFTField, _ family: IPFamily) -> NFTUserData {
        switch field {
        case .address:
            family == .ipv4 ? expression(payload, 12, 12) : expression(payload, 13, 9)
        case .port: expression(payload, transportHeader, 2)
        case .transport: expression(meta, NFT_META_L4PROTO.rawValue)
        case .classID: expression(meta, NFT_META_PRIORITY.rawValue)
        case .number: expression(numberGenerator, NFT_NG_RANDOM.rawValue, 2, 0)
        }
    }

    private static func expression(_ kind: UInt32, _ numbers: UInt32...) -> NFTUserData {
        var content = NFTUserData()
        for (index, number) in numbers.enumerated() { content.note(UInt8(index), number) }
        return expression(kind, content)
    }

    private static func expression(_ kind: UInt32, _ content: NFTUserData) -> NFTUserData {
        var data = NFTUserData()
        data.note(0, kind)
        data.note(1, content)
        return data
    }
}
