import Addressing
import CNetlink
import DataplaneModel
import Netlink

/// A set as the kernel describes it, without its elements.
struct NFTSetHeader {
    var name: String
    /// Nil if the model cannot express it.
    var shape: NFTSetShape?
    var size: Int?
    /// Belongs to the rule that it was created with.
    var isAnonymous: Bool
    /// Anonymous, with protocols as its elements.
    var holdsTransports: Bool

    /// From an answer to `NFT_MSG_GETSET`; nil unless it is one, of the table.
    init?(_ message: NetlinkMessage, _ family: IPFamily, table: String) {
        let attributes = message.attributes
        guard attributes.text(NFTA_SET_TABLE) == table,
            let name = attributes.text(NFTA_SET_NAME)
        else { return nil }
        self.name = name
        let flags = attributes.number(NFTA_SET_FLAGS) ?? 0
        isAnonymous = flags & NFT_SET_ANONYMOUS.rawValue != 0
        holdsTransports =
            flags == NFT_SET_ANONYMOUS.rawValue | NFT_SET_CONSTANT.rawValue
            && attributes.number(NFTA_SET_KEY_TYPE) == NFTField.transport.typeNumber(family)
            && attributes.number(NFTA_SET_KEY_LEN) == 1
        size = attributes.attribute(NFTA_SET_DESC)?.number(NFTA_SET_DESC_SIZE).map { Int($0) }
        shape = Self.shape(attributes, flags: flags, family)
    }

    private static func shape(
        _ attributes: NetlinkBytes,
        flags: UInt32,
        _ family: IPFamily
    ) -> NFTSetShape? {
        guard let keyType = attributes.number(NFTA_SET_KEY_TYPE),
            let key = NFTFieldList(typeNumber: keyType, family),
            attributes.number(NFTA_SET_KEY_LEN) == UInt32(key.length),
            // Fairlead never sets a default timeout.
            attributes.attribute(NFTA_SET_TIMEOUT) == nil,
            attributes.attribute(NFTA_SET_EXPRESSIONS) == nil
        else { return nil }
        let expression = attributes.attribute(NFTA_SET_EXPR)?.text(NFTA_EXPR_NAME)
        guard expression == nil || expression == NFTSetShape.counter else { return nil }
        var shape = NFTSetShape(
            key.fields,
            isInterval: flags & NFT_SET_INTERVAL.rawValue != 0 && key.fields.count > 1,
            isDynamic: flags & NFT_SET_EVAL.rawValue != 0,
            countsPackets: expression != nil
        )
        if let dataType = attributes.number(NFTA_SET_DATA_TYPE) {
            if dataType == NFTSetShape.verdictType {
                shape.mapping = .verdict
            } else {
                guard let data = NFTFieldList(typeNumber: dataType, family),
                    attributes.number(NFTA_SET_DATA_LEN) == UInt32(data.length)
                else { return nil }
                shape.mapping = .fields(data.fields)
            }
        }
        return shape.flags == flags ? shape : nil
    }

    /// Without elements.
    var set: NFTSet {
        NFTSet(
            NFTSetName(name),
            shape ?? NFTSetShape([]),
            size: size,
            isOpaque: shape == nil
        )
    }
}

/// Reads the elements of a set from the kernel's messages.
struct NFTElementReader {
    private let layout: NFTElementLayout
    private let mapping: NFTSetShape.Mapping
    private var found: NFTElementComparison
    /// An element was read that the model cannot express.
    private(set) var hasOpaque = false

    /// Elements that are just those of `planned` are not kept beside them.
    init(_ shape: NFTSetShape, _ family: IPFamily, expecting planned: NFTElements? = nil) {
        layout = NFTElementLayout(shape, family)
        mapping = shape.mapping
        found = NFTElementComparison(to: planned ?? NFTElements())
    }

    /// What has been read.
    var elements: NFTElements { found.elements }

    /// Adds the elements of an answer to `NFT_MSG_GETSETELEM`.
    mutating func read(_ message: NetlinkMessage) {
        let list = message.attributes.attribute(NFTA_SET_ELEM_LIST_ELEMENTS)
        list?.forEachAttribute { _, item in
            if let element = element(item) {
                found.add(element)
            } else {
                hasOpaque = true
            }
        }
    }

    /// One element of a list; nil if the model cannot express it.
    func element(_ item: NetlinkBytes) -> NFTElement? {
        var key: NFTValue?
        var end: NFTValue?
        var data: NFTData = .none
        var isReadable = true
        item.forEachAttribute { type, content in
            switch UInt32(type) {
            case NFTA_SET_ELEM_KEY.rawValue: key = value(content, layout.key)
            case NFTA_SET_ELEM_KEY_END.rawValue: end = value(content, layout.key)
            case NFTA_SET_ELEM_DATA.rawValue:
                if let read = self.data(content) { data = read } else { isReadable = false }
            // The end of an interval, or the catch-all element, neither of which Fairlead writes.
            case NFTA_SET_ELEM_FLAGS.rawValue:
                if content.network(4) != 0 { isReadable = false }
            default: break
            }
        }
        guard isReadable, let key, data == .none ? mapping == .none : true else { return nil }
        guard let end, end != key else { return NFTElement(key, data) }
        guard let last = layout.key.fields.last,
            let range = NFTValue(
                from: key,
                through: end,
                width: last.width(layout.key.family)
            )
        else { return nil }
        return NFTElement(range, data)
    }

    /// The key of one element of a list.
    func key(_ item: NetlinkBytes) -> NFTValue? {
        item.attribute(NFTA_SET_ELEM_KEY).flatMap { value($0, layout.key) }
    }

    private func data(_ content: NetlinkBytes) -> NFTData? {
        if let list = layout.data { return value(content, list).map { .value($0) } }
        guard mapping == .verdict, let verdict = NFTVerdict(content) else { return nil }
        return .verdict(verdict)
    }

    private func value(_ content: NetlinkBytes, _ list: NFTFieldList) -> NFTValue? {
        guard let bytes = content.attribute(NFTA_DATA_VALUE), bytes.count == list.length else {
            return nil
        }
        var value = NFTValue()
        var place = 0
        for field in list.places {
            let bits =
                field.isInHostOrder
                ? UInt128(bytes.number(UInt32.self, at: place))
                : bytes.network(field.length, at: place)
            value.append(bits, width: field.width)
            place += field.paddedLength
        }
        return value
    }
}

extension NFTVerdict {
    /// From a `struct nft_data`.
    init?(_ data: NetlinkBytes) {
        guard let verdict = data.attribute(NFTA_DATA_VERDICT),
            let code = verdict.number(NFTA_VERDICT_CODE)
        else { return nil }
        self.init(code: Int32(bitPattern: code), chain: verdict.text(NFTA_VERDICT_CHAIN))
    }
}
