import Addressing
import CNetlink
package import DataplaneModel
import Glibc
import HostFacts
package import Netlink

extension DataplaneError {
    /// A refused request for data.
    package static func nftables(
        _ operation: String,
        _ subject: String,
        _ error: DataplaneError
    ) -> DataplaneError {
        var explained = error
        explained.operation = operation
        explained.subject = subject
        // nfnetlink answers EINVAL for a subsystem that it does not have.
        if error.errno == EINVAL || error.errno == EOPNOTSUPP {
            explained.kind = .unsupported
            explained.message = Self.absence
        }
        return explained
    }

    private static let absence =
        "the kernel has no nftables: \(Cure.missing("nf_tables", "CONFIG_NF_TABLES"))"

    /// A refused transaction: its first refusal, with the object that was refused.
    package static func nftables(
        _ refusals: [NetlinkSocket.Refusal],
        _ transaction: NFTTransaction
    ) -> DataplaneError {
        let refusal = refusals.first ?? NetlinkSocket.Refusal(index: 0, errno: EPROTO)
        let culprit = NFTCulprit(refusal, transaction)
        var message = refusal.message ?? systemMessage(refusal.errno)
        var kind = Kind(errno: refusal.errno)
        switch refusal.errno {
        case EOPNOTSUPP where refusal.index == 0: message = absence
        case ENOENT where culprit.isUnknownExpression:
            kind = .unsupported
            message = "the kernel has no expression \(culprit.expression ?? "of that name")"
        // The table differs from what was last observed or written.
        case ENOENT, EEXIST, EBUSY: kind = .conflict
        default: break
        }
        if refusals.count > 1 { message += ", and \(refusals.count - 1) more were refused" }
        return .system(
            culprit.operation,
            culprit.subject,
            refusal.errno,
            kind: kind,
            message: message
        )
    }
}

/// The object in a transaction that the kernel refused.
package struct NFTCulprit {
    private(set) var operation = "transaction"
    private(set) var subject: String
    /// The refused expression of a rule.
    private(set) var expression: String?
    /// The message's type, without the subsystem.
    let type: UInt32

    init(_ refusal: NetlinkSocket.Refusal, _ transaction: NFTTransaction) {
        let batch = transaction.batch
        let bytes = batch.message(refusal.index)
        let head = bytes.number(UInt16.self, at: 4)
        subject = "\(transaction.family.rawValue) nftables table \(transaction.table)"
        guard head >> 8 == UInt16(NFNL_SUBSYS_NFTABLES) else {
            type = .max
            return
        }
        type = UInt32(head & 0xff)
        operation = nf_tables_msg_types(rawValue: type).name
        let attributes = bytes.dropFirst(16 + 4)
        switch nf_tables_msg_types(rawValue: type) {
        case NFT_MSG_NEWCHAIN, NFT_MSG_DELCHAIN:
            subject += ", chain \(attributes.text(NFTA_CHAIN_NAME) ?? "")"
        case NFT_MSG_NEWRULE, NFT_MSG_DELRULE:
            let chain = attributes.text(NFTA_RULE_CHAIN) ?? ""
            subject += ", chain \(chain)"
            guard type == NFT_MSG_NEWRULE.rawValue else { break }
            subject += ", rule \(Self.place(of: refusal.index, in: chain, batch))"
            expression = Self.item(refusal, bytes).flatMap { $0.text(NFTA_EXPR_NAME) }
            if let expression { subject += ", expression \(expression)" }
        case NFT_MSG_NEWSET, NFT_MSG_DELSET:
            subject += ", set \(attributes.text(NFTA_SET_NAME) ?? "")"
        case NFT_MSG_NEWSETELEM, NFT_MSG_DELSETELEM:
            let set = attributes.text(NFTA_SET_ELEM_LIST_SET) ?? ""
            subject += ", set \(set)"
            if let shape = transaction.shapes[set],
                let element = Self.element(refusal, attributes, shape, transaction.family)
            {
                subject += ", element \(element)"
            }
        default: break
        }
    }

    /// ENOENT for an expression means that the kernel does not have it, except where it refers to a set
    /// or chain, which may be what is missing.
    var isUnknownExpression: Bool {
        expression.map { $0 != "lookup" && $0 != "dynset" && $0 != "immediate" } ?? false
    }

    /// The message deletes a chain or a set.
    var isDeletion: Bool {
        type == NFT_MSG_DELCHAIN.rawValue || type == NFT_MSG_DELSET.rawValue
    }

    /// The number of the rule among those for the chain in the transaction, from 1.
    private static func place(of index: Int, in chain: String, _ batch: NetlinkBatch) -> Int {
        let type = UInt16(NFNL_SUBSYS_NFTABLES) << 8 | UInt16(NFT_MSG_NEWRULE.rawValue)
        return (0...index).count { other in
            let bytes = batch.message(other)
            return bytes.number(UInt16.self, at: 4) == type
                && bytes.dropFirst(16 + 4).text(NFTA_RULE_CHAIN) == chain
        }
    }

    /// The attribute that the kernel rejected, if it is an item of a list.
    private static func item(
        _ refusal: NetlinkSocket.Refusal,
        _ message: NetlinkBytes
    ) -> NetlinkBytes? {
        refusal.offset.flatMap { message.dropFirst($0).attribute(NFTA_LIST_ELEM) }
    }

    /// The element that the kernel rejected, or a part of it.
    private static func element(
        _ refusal: NetlinkSocket.Refusal,
        _ attributes: NetlinkBytes,
        _ shape: NFTSetShape,
        _ family: IPFamily
    ) -> String? {
        guard let offset = refusal.offset,
            let list = attributes.attribute(NFTA_SET_ELEM_LIST_ELEMENTS)
        else { return nil }
        let place = attributes.range.lowerBound - 16 - 4 + offset
        var found: NetlinkBytes?
        list.forEachAttribute { _, item in
            if (item.range.lowerBound - 4..<item.range.upperBound).contains(place) { found = item }
        }
        guard let found, let key = NFTElementReader(shape, family).key(found) else { return nil }
        return NFTablesRenderer(family: family).render(NFTElement(key), of: shape)
    }
}

extension nf_tables_msg_types {
    /// The name in the kernel's header; only of messages that are sent.
    var name: String {
        // NEW, GET and DEL follow each other for each sort of object.
        let objects = ["TABLE", "CHAIN", "RULE", "SET", "SETELEM"]
        let (object, verb) = Int(rawValue).quotientAndRemainder(dividingBy: 3)
        if objects.indices.contains(object) {
            return "NFT_MSG_\(["NEW", "GET", "DEL"][verb])\(objects[object])"
        }
        return self == NFT_MSG_GETGEN ? "NFT_MSG_GETGEN" : "NFT_MSG \(rawValue)"
    }
}
