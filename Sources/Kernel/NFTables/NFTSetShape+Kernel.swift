import Addressing
import CNetlink
import DataplaneModel

extension NFTField {
    /// nft's number of the type (`enum datatypes` in its source), which the kernel only stores.
    func typeNumber(_ family: IPFamily) -> UInt32 {
        switch self {
        case .address: family == .ipv4 ? 7 : 8
        case .transport: 12
        case .port: 13
        case .classID: 23
        case .number: 4
        }
    }

    /// Bytes, without padding.
    func length(_ family: IPFamily) -> Int { width(family) / 8 }

    /// In registers of 32 bits, to which the fields of a concatenation are padded in elements, too.
    func words(_ family: IPFamily) -> Int { (length(family) + 3) / 4 }

    /// Stored in host order, not in network order.
    var isInHostOrder: Bool { self == .classID || self == .number }
}

/// One or more fields, as the kernel and nft describe them.
struct NFTFieldList {
    /// Where one field is in an element.
    struct Place {
        var width: Int
        /// Bytes without padding, and with the padding of a concatenation.
        var length: Int
        var paddedLength: Int
        var isInHostOrder: Bool
    }

    let fields: [NFTField]
    let family: IPFamily
    /// Of the fields, in the same order. Worked out once: every element of a set is laid out so.
    let places: [Place]
    let words: Int
    /// Bytes of an element's key or value.
    let length: Int
    /// Bits of all fields.
    let width: Int

    init(_ fields: [NFTField], _ family: IPFamily) {
        self.fields = fields
        self.family = family
        places = fields.map { field in
            Place(
                width: field.width(family),
                length: field.length(family),
                paddedLength: 4 * field.words(family),
                isInHostOrder: field.isInHostOrder
            )
        }
        words = fields.reduce(0) { $0 + $1.words(family) }
        length = fields.count == 1 ? fields[0].length(family) : 4 * words
        width = fields.reduce(0) { $0 + $1.width(family) }
    }

    /// nft's number for a concatenation: six bits for each field (`TYPE_BITS`).
    var typeNumber: UInt32 {
        fields.reduce(0) { $0 << 6 | $1.typeNumber(family) }
    }

    /// Fields from nft's number; nil if the model lacks one of them.
    init?(typeNumber: UInt32, _ family: IPFamily) {
        var rest = typeNumber
        var fields: [NFTField] = []
        while rest != 0 {
            let known = NFTField.allCases.first { $0.typeNumber(family) == rest & 63 }
            guard let known else { return nil }
            fields.insert(known, at: 0)
            rest >>= 6
        }
        guard !fields.isEmpty else { return nil }
        self.init(fields, family)
    }
}

extension NFTSetShape {
    /// `enum nft_set_flags`.
    var flags: UInt32 {
        var flags: UInt32 = 0
        if mapping != .none { flags |= NFT_SET_MAP.rawValue }
        if isInterval {
            flags |= NFT_SET_INTERVAL.rawValue
            if key.count > 1 { flags |= NFT_SET_CONCAT.rawValue }
        }
        if isDynamic { flags |= NFT_SET_EVAL.rawValue | NFT_SET_TIMEOUT.rawValue }
        return flags
    }

    /// The name of the expression that elements count with.
    static let counter = "counter"

    /// `NFTA_SET_DATA_TYPE` of a verdict map (`NFT_DATA_VERDICT`).
    static let verdictType: UInt32 = 0xffff_ff00
}
