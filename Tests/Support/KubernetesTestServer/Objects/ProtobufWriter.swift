/// Writes the protocol-buffers wire format field by field, independently of any library.
struct ProtobufWriter {
    private(set) var bytes: [UInt8] = []

    mutating func string(_ field: Int, _ text: String) {
        var text = text
        text.withUTF8 { utf8 in
            key(field, wireType: 2)
            varint(UInt64(utf8.count))
            bytes.append(contentsOf: utf8)
        }
    }

    mutating func data(_ field: Int, _ data: [UInt8]) {
        key(field, wireType: 2)
        varint(UInt64(data.count))
        bytes += data
    }

    mutating func integer(_ field: Int, _ number: Int) {
        key(field, wireType: 0)
        varint(UInt64(bitPattern: Int64(number)))
    }

    mutating func boolean(_ field: Int, _ value: Bool) {
        integer(field, value ? 1 : 0)
    }

    mutating func message(_ field: Int, _ body: (inout ProtobufWriter) -> Void) {
        var inner = ProtobufWriter()
        body(&inner)
        data(field, inner.bytes)
    }

    mutating func map(_ field: Int, _ entries: [(String, String)]) {
        for (name, value) in entries {
            message(field) {
                $0.string(1, name)
                $0.string(2, value)
            }
        }
    }

    private mutating func key(_ field: Int, wireType: UInt64) {
        varint(UInt64(field) << 3 | wireType)
    }

    private mutating func varint(_ number: UInt64) {
        var rest = number
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }
}
