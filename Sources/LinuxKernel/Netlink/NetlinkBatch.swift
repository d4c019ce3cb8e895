import CNetlink

/// Netlink messages one behind the other, as one send takes them.
///
/// Numbers are in host order unless a method says otherwise; attributes are padded to four bytes
/// (`NLMSG_ALIGN`, `NLA_ALIGN`).
struct NetlinkBatch {
    private(set) var bytes: [UInt8] = []
    /// Where each message begins.
    private(set) var starts: [Int] = []

    var isEmpty: Bool { starts.isEmpty }
    var count: Int { starts.count }

    init(reserving capacity: Int = 4096) {
        bytes.reserveCapacity(capacity)
    }

    mutating func removeAll() {
        bytes.removeAll(keepingCapacity: true)
        starts.removeAll(keepingCapacity: true)
    }

    /// Begins a message; the socket fills in its sequence number. `NLM_F_REQUEST` is implied.
    mutating func begin(_ type: UInt16, flags: UInt16 = 0) {
        close()
        starts.append(bytes.count)
        append(UInt32(0))
        append(type)
        append(UInt16(NLM_F_REQUEST) | flags)
        append(UInt32(0))
        append(UInt32(0))
    }

    /// Ends the message that was begun last.
    mutating func close() {
        guard let start = starts.last else { return }
        store(UInt32(bytes.count - start), at: start)
    }

    // MARK: - Parts of a message

    /// A fixed header behind the netlink header, such as `struct genlmsghdr`.
    mutating func append(_ raw: [UInt8]) {
        bytes.append(contentsOf: raw)
        pad()
    }

    mutating func append<Number: FixedWidthInteger>(_ number: Number) {
        var rest = number
        for _ in 0..<(Number.bitWidth / 8) {
            bytes.append(UInt8(truncatingIfNeeded: rest))
            rest >>= 8
        }
    }

    mutating func attribute<Number: FixedWidthInteger>(_ type: some BinaryInteger, _ value: Number)
    {
        header(type, Number.bitWidth / 8)
        append(value)
        pad()
    }

    /// A number in network order.
    mutating func attribute<Number: FixedWidthInteger>(
        _ type: some BinaryInteger,
        bigEndian value: Number
    ) {
        // Netlink numbers are written least significant byte first above, as all hosts we run on
        // keep them; so the swapped number comes out in network order.
        attribute(type, value.byteSwapped)
    }

    mutating func attribute(_ type: some BinaryInteger, _ raw: [UInt8]) {
        header(type, raw.count)
        bytes.append(contentsOf: raw)
        pad()
    }

    /// The low `width` bytes of `value` in network order.
    mutating func attribute(_ type: some BinaryInteger, network value: UInt128, width: Int) {
        header(type, width)
        appendNetwork(value, width: width)
        pad()
    }

    mutating func appendNetwork(_ value: UInt128, width: Int) {
        for place in stride(from: 8 * (width - 1), through: 0, by: -8) {
            bytes.append(UInt8(truncatingIfNeeded: value >> UInt128(place)))
        }
    }

    /// With its terminating zero.
    mutating func attribute(_ type: some BinaryInteger, _ text: String) {
        header(type, text.utf8.count + 1)
        bytes.append(contentsOf: text.utf8)
        bytes.append(0)
        pad()
    }

    /// An attribute that holds what `body` appends. The kernel takes at most 64 KiB in one.
    mutating func nested(_ type: some BinaryInteger, _ body: (inout NetlinkBatch) -> Void) {
        let start = openNested(type)
        body(&self)
        closeNested(start)
    }

    /// Opens an attribute that holds others, or with `isList` false bytes, to be closed with what
    /// this returns.
    mutating func openNested(_ type: some BinaryInteger, isList: Bool = true) -> Int {
        let start = bytes.count
        header(UInt16(truncatingIfNeeded: type) | (isList ? UInt16(NLA_F_NESTED) : 0), 0)
        return start
    }

    mutating func closeNested(_ start: Int) {
        let length = UInt16(truncatingIfNeeded: bytes.count - start)
        store(length, at: start)
    }

    private mutating func header(_ type: some BinaryInteger, _ length: Int) {
        append(UInt16(truncatingIfNeeded: length + 4))
        append(UInt16(truncatingIfNeeded: type))
    }

    mutating func pad() {
        while bytes.count % 4 != 0 { bytes.append(0) }
    }

    /// A message with its header.
    func message(_ index: Int) -> NetlinkBytes {
        let end = index + 1 < starts.count ? starts[index + 1] : bytes.count
        return NetlinkBytes(bytes, starts[index]..<end)
    }

    // MARK: - The socket's part

    /// The first message asks for a dump, which ends with a message of its own.
    var isDump: Bool {
        guard !starts.isEmpty else { return false }
        let flags = UInt16(bytes[6]) | UInt16(bytes[7]) << 8
        return flags & UInt16(NLM_F_DUMP) == UInt16(NLM_F_DUMP)
    }

    /// Gives message `index` its number and more flags.
    mutating func stamp(_ index: Int, sequence: UInt32, flags: UInt16 = 0) {
        let start = starts[index]
        store(sequence, at: start + 8)
        if flags != 0 {
            let present = UInt16(bytes[start + 6]) | UInt16(bytes[start + 7]) << 8
            store(present | flags, at: start + 6)
        }
    }

    private mutating func store<Number: FixedWidthInteger>(_ number: Number, at place: Int) {
        for index in 0..<(Number.bitWidth / 8) {
            bytes[place + index] = UInt8(truncatingIfNeeded: number >> (8 * index))
        }
    }
}
