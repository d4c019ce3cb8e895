import CNetlink

/// Netlink messages, one behind the other, for one or more sends.
///
/// Numbers are in host order unless a method says otherwise; attributes are padded to four bytes
/// (`NLMSG_ALIGN`, `NLA_ALIGN`).
public struct NetlinkBatch {
    /// The messages, and zeros behind them for those to come: growing at each number would double the
    /// cost of encoding.
    @usableFromInline var storage: [UInt8]
    @usableFromInline var end = 0
    /// Where each message begins.
    @usableFromInline private(set) var starts: [Int] = []

    /// There is no message.
    @inlinable
    public var isEmpty: Bool { starts.isEmpty }
    /// The number of messages.
    @inlinable
    public var count: Int { starts.count }

    /// All messages.
    public var bytes: ArraySlice<UInt8> { storage[..<end] }

    /// `capacity` is the number of bytes that fit before the buffer grows.
    public init(reserving capacity: Int = 1024) {
        storage = [UInt8](repeating: 0, count: capacity)
    }

    /// Begins a message; the socket fills in its sequence number. `NLM_F_REQUEST` is implied.
    public mutating func begin(_ type: UInt16, flags: UInt16 = 0) {
        close()
        starts.append(end)
        append(UInt32(0))
        append(type)
        append(UInt16(NLM_F_REQUEST) | flags)
        append(UInt32(0))
        append(UInt32(0))
    }

    /// Ends the message that was begun last.
    public mutating func close() {
        guard let start = starts.last else { return }
        store(UInt32(end - start), at: start)
    }

    // MARK: - Parts of a message

    /// A fixed header behind the netlink header, such as `struct genlmsghdr`.
    @inlinable
    public mutating func append(_ raw: [UInt8]) {
        copy(raw)
        pad()
    }

    /// A number in host order, without padding.
    @inlinable
    public mutating func append<Number: FixedWidthInteger & BitwiseCopyable>(_ number: Number) {
        let place = advance(Number.bitWidth / 8)
        store(number, at: place)
    }

    /// A number in host order.
    @inlinable
    public mutating func attribute<Number: FixedWidthInteger & BitwiseCopyable>(
        _ type: some BinaryInteger,
        _ value: Number
    ) {
        header(type, Number.bitWidth / 8)
        append(value)
        pad()
    }

    /// A number in network order.
    @inlinable
    public mutating func attribute<Number: FixedWidthInteger & BitwiseCopyable>(
        _ type: some BinaryInteger,
        bigEndian value: Number
    ) {
        // Numbers are stored least significant byte first, as on all supported hosts, so the swapped
        // number comes out in network order.
        attribute(type, value.byteSwapped)
    }

    /// The bytes as they are.
    @inlinable
    public mutating func attribute(_ type: some BinaryInteger, _ raw: [UInt8]) {
        header(type, raw.count)
        copy(raw)
        pad()
    }

    /// The low `width` bytes of `value` in network order.
    @inlinable
    public mutating func attribute(_ type: some BinaryInteger, network value: UInt128, width: Int) {
        header(type, width)
        appendNetwork(value, width: width)
        pad()
    }

    /// The low `width` bytes of `value` in network order, without padding.
    @inlinable
    public mutating func appendNetwork(_ value: UInt128, width: Int) {
        // Writes 16 bytes; those behind the first `width` are zeros, and overwritten by what follows.
        let place = advance(16)
        store((value << UInt128(128 - 8 * width)).byteSwapped, at: place)
        end = place + width
    }

    /// With its terminating zero.
    @inlinable
    public mutating func attribute(_ type: some BinaryInteger, _ text: String) {
        header(type, text.utf8.count + 1)
        copy(text.utf8)
        append(UInt8(0))
        pad()
    }

    /// An attribute that holds what `body` appends. The kernel takes at most 64 KiB in one.
    @inlinable
    public mutating func nested(_ type: some BinaryInteger, _ body: (inout NetlinkBatch) -> Void) {
        let start = openNested(type)
        body(&self)
        closeNested(start)
    }

    /// Opens an attribute that holds others, or with `isList` false bytes, to be closed with what
    /// this returns.
    @inlinable
    public mutating func openNested(_ type: some BinaryInteger, isList: Bool = true) -> Int {
        let start = end
        header(UInt16(truncatingIfNeeded: type) | (isList ? nestedFlag : 0), 0)
        return start
    }

    /// Closes the attribute that `openNested` returned.
    @inlinable
    public mutating func closeNested(_ start: Int) {
        let length = UInt16(truncatingIfNeeded: end - start)
        store(length, at: start)
    }

    @inlinable
    mutating func header(_ type: some BinaryInteger, _ length: Int) {
        // Two numbers of two bytes, in one go.
        let length = UInt16(truncatingIfNeeded: length + 4)
        append(UInt32(length) | UInt32(UInt16(truncatingIfNeeded: type)) << 16)
    }

    /// Fills up to the next multiple of four bytes.
    @inlinable
    public mutating func pad() { _ = advance(-end & 3) }

    @inlinable
    mutating func copy(_ bytes: some Collection<UInt8>) {
        var place = advance(bytes.count)
        for byte in bytes {
            storage[place] = byte
            place += 1
        }
    }

    /// Reserves `count` more bytes, and returns where they begin.
    @inlinable
    mutating func advance(_ count: Int) -> Int {
        let place = end
        end += count
        if end > storage.count {
            storage += [UInt8](repeating: 0, count: end)
        }
        return place
    }

    /// A message with its header.
    public func message(_ index: Int) -> NetlinkBytes {
        let end = index + 1 < starts.count ? starts[index + 1] : self.end
        return NetlinkBytes(storage, starts[index]..<end)
    }

    // MARK: - The socket's part

    /// The first message asks for a dump, which ends with a message of its own.
    public var isDump: Bool {
        guard !starts.isEmpty else { return false }
        let flags = UInt16(storage[6]) | UInt16(storage[7]) << 8
        return flags & UInt16(NLM_F_DUMP) == UInt16(NLM_F_DUMP)
    }

    /// Sets the sequence number of message `index`, and adds flags.
    public mutating func stamp(_ index: Int, sequence: UInt32, flags: UInt16 = 0) {
        let start = starts[index]
        store(sequence, at: start + 8)
        if flags != 0 {
            let present = UInt16(storage[start + 6]) | UInt16(storage[start + 7]) << 8
            store(present | flags, at: start + 6)
        }
    }

    @inlinable
    mutating func store<Number: FixedWidthInteger & BitwiseCopyable>(
        _ number: Number,
        at place: Int
    ) {
        precondition(place + Number.bitWidth / 8 <= storage.count)
        unsafe storage.withUnsafeMutableBytes {
            unsafe $0.storeBytes(of: number.littleEndian, toByteOffset: place, as: Number.self)
        }
    }
}

/// Inlinable functions cannot use what CNetlink declares.
@usableFromInline let nestedFlag = UInt16(NLA_F_NESTED)
