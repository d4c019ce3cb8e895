import CNetlink

/// Netlink messages, one behind the other, for one or more sends.
///
/// libnl builds the message that was begun last; it goes behind the others when it is closed. Numbers are
/// in host order unless a method says otherwise; attributes are padded to four bytes (`NLMSG_ALIGN`,
/// `NLA_ALIGN`).
public struct NetlinkBatch {
    /// The closed messages.
    private var storage: [UInt8] = []
    /// Where each message begins.
    private(set) var starts: [Int] = []
    private var isOpen = false
    /// Copies of a batch share it, so only one of them may have an open message.
    @usableFromInline let builder = NetlinkMessageBuilder()

    /// There is no message.
    public var isEmpty: Bool { starts.isEmpty }
    /// The number of messages, an open one included.
    public var count: Int { starts.count }

    /// The closed messages.
    public var bytes: ArraySlice<UInt8> { storage[...] }
    /// The number of bytes, those of an open message included.
    public var byteCount: Int { storage.count + (isOpen ? builder.count : 0) }

    /// `capacity` is the number of bytes that fit before the buffer grows.
    public init(reserving capacity: Int = 1024) {
        storage.reserveCapacity(capacity)
    }

    /// Begins a message; the socket fills in its sequence number. `NLM_F_REQUEST` is implied.
    public mutating func begin(_ type: UInt16, flags: UInt16 = 0) {
        close()
        builder.begin(type, UInt16(NLM_F_REQUEST) | flags)
        starts.append(storage.count)
        isOpen = true
    }

    /// Begins a message of a generic netlink family.
    public mutating func begin(
        generic family: UInt16,
        command: UInt8,
        version: UInt8 = 1,
        flags: UInt16 = 0
    ) {
        close()
        builder.begin(generic: family, command, version, UInt16(NLM_F_REQUEST) | flags)
        starts.append(storage.count)
        isOpen = true
    }

    /// Ends the message that was begun last.
    public mutating func close() {
        guard isOpen else { return }
        builder.append(to: &storage)
        isOpen = false
    }

    /// Leaves no message, but the memory for the next ones.
    public mutating func removeAll() {
        storage.removeAll(keepingCapacity: true)
        starts.removeAll(keepingCapacity: true)
        isOpen = false
    }

    // MARK: - Parts of a message

    /// A fixed header behind the netlink header, such as `struct nfgenmsg`.
    public mutating func append(_ raw: [UInt8]) {
        unsafe Self.copy(raw, builder.reserve(raw.count))
        pad()
    }

    /// A number in host order, without padding.
    @inlinable
    public mutating func append<Number: FixedWidthInteger & BitwiseCopyable>(_ number: Number) {
        let place = unsafe builder.reserve(Number.bitWidth / 8)
        unsafe place.storeBytes(of: number, as: Number.self)
    }

    /// A number in host order.
    @inlinable
    public mutating func attribute<Number: FixedWidthInteger & BitwiseCopyable>(
        _ type: some BinaryInteger,
        _ value: Number
    ) {
        let place = unsafe builder.attribute(UInt16(truncatingIfNeeded: type), Number.bitWidth / 8)
        unsafe place.storeBytes(of: value, as: Number.self)
    }

    /// A number in network order.
    @inlinable
    public mutating func attribute<Number: FixedWidthInteger & BitwiseCopyable>(
        _ type: some BinaryInteger,
        bigEndian value: Number
    ) {
        // All supported hosts store the least significant byte first, so the swapped number comes out in
        // network order.
        attribute(type, value.byteSwapped)
    }

    /// The bytes as they are.
    public mutating func attribute(_ type: some BinaryInteger, _ raw: [UInt8]) {
        unsafe Self.copy(raw, builder.attribute(UInt16(truncatingIfNeeded: type), raw.count))
    }

    /// The low `width` bytes of `value` in network order.
    @inlinable
    public mutating func attribute(_ type: some BinaryInteger, network value: UInt128, width: Int) {
        let place = unsafe builder.attribute(UInt16(truncatingIfNeeded: type), width)
        unsafe Self.store(value, width, place)
    }

    /// The low `width` bytes of `value` in network order, without padding.
    @inlinable
    public mutating func appendNetwork(_ value: UInt128, width: Int) {
        unsafe Self.store(value, width, builder.reserve(width))
    }

    /// With its terminating zero.
    public mutating func attribute(_ type: some BinaryInteger, _ text: String) {
        attribute(type, Array(text.utf8) + [0])
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
        builder.openNested(UInt16(truncatingIfNeeded: type) | (isList ? nestedFlag : 0))
    }

    /// Closes the attribute that `openNested` returned.
    @inlinable
    public mutating func closeNested(_ start: Int) { builder.closeNested(start) }

    /// Fills up to the next multiple of four bytes.
    public mutating func pad() { builder.pad() }

    private static func copy(_ raw: [UInt8], _ place: UnsafeMutableRawPointer) {
        unsafe UnsafeMutableRawBufferPointer(start: place, count: raw.count).copyBytes(from: raw)
    }

    @inlinable
    static func store(_ value: UInt128, _ width: Int, _ place: UnsafeMutableRawPointer) {
        let ordered = (value << UInt128(128 - 8 * width)).byteSwapped
        unsafe withUnsafeBytes(of: ordered) { bytes in
            let room = unsafe UnsafeMutableRawBufferPointer(start: place, count: width)
            unsafe room.copyMemory(from: .init(rebasing: bytes[..<width]))
        }
    }

    /// A closed message with its header.
    public func message(_ index: Int) -> NetlinkBytes {
        let end = index + 1 < starts.count ? starts[index + 1] : storage.count
        return NetlinkBytes(storage, starts[index]..<end)
    }

    // MARK: - The socket's part

    /// The first message, closed, asks for a dump, which ends with a message of its own.
    var isDump: Bool {
        guard !storage.isEmpty else { return false }
        return message(0).number(UInt16.self, at: 6) & UInt16(NLM_F_DUMP) == UInt16(NLM_F_DUMP)
    }

    /// Sets the sequence number of message `index`, which is closed, and adds flags.
    mutating func stamp(_ index: Int, sequence: UInt32, flags: UInt16 = 0) {
        let start = starts[index]
        unsafe storage.withUnsafeMutableBytes { bytes in
            guard start + 16 <= bytes.count, let base = bytes.baseAddress else { return }
            let header = unsafe (base + start).assumingMemoryBound(to: nlmsghdr.self)
            unsafe header.pointee.nlmsg_seq = sequence
            unsafe header.pointee.nlmsg_flags |= flags
        }
    }
}

/// Inlinable functions cannot use what CNetlink declares.
@usableFromInline let nestedFlag = UInt16(NLA_F_NESTED)
