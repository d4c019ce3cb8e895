package import Addressing
import CNetlink
package import DataplaneModel
import Netlink

/// The layout of a set's elements in messages.
struct NFTElementLayout {
    let key: NFTFieldList
    /// Nil unless the set maps to fields.
    let data: NFTFieldList?
    let isInterval: Bool

    init(_ shape: NFTSetShape, _ family: IPFamily) {
        key = NFTFieldList(shape.key, family)
        isInterval = shape.isInterval
        if case .fields(let fields) = shape.mapping {
            data = NFTFieldList(fields, family)
        } else {
            data = nil
        }
    }
}

extension NetlinkBatch {
    /// A pattern for which the kernel chooses a number.
    static let anonymousSet = "__set%d"

    /// The attributes of a set, behind its name.
    package mutating func append(_ set: NFTSet, _ family: IPFamily) {
        let shape = set.shape
        let key = NFTFieldList(shape.key, family)
        number(NFTA_SET_FLAGS, shape.flags)
        number(NFTA_SET_KEY_TYPE, key.typeNumber)
        number(NFTA_SET_KEY_LEN, UInt32(key.length))
        switch shape.mapping {
        case .none: break
        case .verdict:
            number(NFTA_SET_DATA_TYPE, NFTSetShape.verdictType)
            number(NFTA_SET_DATA_LEN, Self.verdictLength)
        case .fields(let fields):
            let data = NFTFieldList(fields, family)
            number(NFTA_SET_DATA_TYPE, data.typeNumber)
            number(NFTA_SET_DATA_LEN, UInt32(data.length))
        }
        nested(NFTA_SET_DESC) { batch in
            if let size = set.size { batch.number(NFTA_SET_DESC_SIZE, UInt32(clamping: size)) }
            guard shape.isInterval, shape.key.count > 1 else { return }
            batch.nested(NFTA_SET_DESC_CONCAT) { batch in
                for field in shape.key {
                    let length = UInt32(field.length(family))
                    batch.nested(NFTA_LIST_ELEM) { $0.number(NFTA_SET_FIELD_LEN, length) }
                }
            }
        }
        attribute(NFTA_SET_USERDATA.rawValue, NFTUserData(shape, family).bytes)
        if shape.countsPackets {
            nested(NFTA_SET_EXPR) { $0.text(NFTA_EXPR_NAME, NFTSetShape.counter) }
        }
    }

    /// `sizeof(struct nft_verdict)`, which the kernel requires.
    private static let verdictLength: UInt32 = 16

    mutating func append(_ element: NFTElement, _ layout: NFTElementLayout, withData: Bool) {
        let item = openNested(NFTA_LIST_ELEM.rawValue)
        append(NFTA_SET_ELEM_KEY.rawValue, element.key.lowest, layout.key)
        if layout.isInterval {
            append(NFTA_SET_ELEM_KEY_END.rawValue, element.key.highest, layout.key)
        }
        if withData {
            switch element.data {
            case .none: break
            case .value(let value):
                if let data = layout.data { append(NFTA_SET_ELEM_DATA.rawValue, value, data) }
            case .verdict(let verdict): nested(NFTA_SET_ELEM_DATA) { $0.verdict(verdict) }
            }
        }
        closeNested(item)
    }

    /// `struct nft_data` with the fields of `value`.
    private mutating func append(_ type: UInt32, _ value: NFTValue, _ list: NFTFieldList) {
        let outer = openNested(type)
        let inner = openNested(NFTA_DATA_VALUE.rawValue, isList: false)
        var offset = list.width
        let isConcatenation = list.places.count > 1
        for field in list.places {
            offset -= field.width
            let bits = value.bits(at: offset, width: field.width)
            if field.isInHostOrder {
                append(UInt32(truncatingIfNeeded: bits))
            } else {
                appendNetwork(bits, width: field.length)
                if isConcatenation { pad() }
            }
        }
        closeNested(inner)
        pad()
        closeNested(outer)
    }
}
