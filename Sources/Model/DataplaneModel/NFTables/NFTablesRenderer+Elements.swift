import Addressing

extension NFTablesRenderer {
    /// `10.96.0.10 . tcp . 80 : 1:2`.
    func append(_ element: NFTElement, of shape: NFTSetShape, to text: inout RuleText) {
        append(element.key, shape.key, to: &text)
        append(element.data, of: shape, to: &text)
    }

    /// ` : 1:2`; empty in a plain set.
    func append(_ data: NFTData, of shape: NFTSetShape, to text: inout RuleText) {
        switch data {
        case .none: break
        case .value(let value):
            guard case .fields(let fields) = shape.mapping else { return }
            text.append(" : ")
            append(value, fields, to: &text)
        case .verdict(let verdict):
            text.append(" : ")
            text.append(verdict)
        }
    }

    private func append(_ value: NFTValue, _ fields: [NFTField], to text: inout RuleText) {
        var isFirst = true
        for part in value.parts(fields, family) {
            if !isFirst { text.append(" . ") }
            isFirst = false
            text.append(part)
        }
    }
}

extension RuleText {
    fileprivate mutating func append(_ part: NFTPart) {
        switch part {
        case .address(let address): append(address)
        case .range(let prefix): append(prefix)
        case .transport(let number): append(transportNumber: number)
        case .port(let number): append(decimal: UInt64(number))
        case .classID(let number): append(classID: number)
        case .number(let number): append(decimal: UInt64(number))
        }
    }

    /// By name if it is known here.
    private mutating func append(transportNumber number: UInt8) {
        if let known = TransportProtocol(number: number) {
            append(known.keyword)
        } else {
            append(decimal: UInt64(number))
        }
    }

    /// `1:2`, both halves in hexadecimal, like a traffic control handle.
    mutating func append(classID number: UInt32) {
        switch number {
        case 0: append("none")
        case .max: append("root")
        default:
            append(hex: number >> 16)
            append(":")
            append(hex: number & 0xffff)
        }
    }

    mutating func append(_ verdict: NFTVerdict) {
        switch verdict {
        case .accept: append("accept")
        case .drop: append("drop")
        case .returnToCaller: append("return")
        case .jump(let chain):
            append("jump ")
            append(chain.text)
        case .goto(let chain):
            append("goto ")
            append(chain.text)
        }
    }
}
