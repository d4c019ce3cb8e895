import NIOCore
import NIOHTTP1

/// Writes an answer's body, and stops where a fault says so.
struct BodyWriter {
    typealias Outbound = NIOAsyncChannelOutboundWriter<HTTPServerResponsePart>

    enum Ending: Error {
        case drop
        case stall
    }

    /// So many bytes go out in one piece.
    private static let pieceSize = 64 << 10

    let outbound: Outbound
    private var pending = ByteBuffer()
    private var bytesLeft: Int?
    private var ending = Ending.drop

    init(_ outbound: Outbound, fault: Fault?) {
        self.outbound = outbound
        switch fault {
        case .dropAfter(let bytes): bytesLeft = bytes
        case .stallAfter(let bytes):
            bytesLeft = bytes
            ending = .stall
        default: break
        }
    }

    /// Sent when enough has gathered.
    mutating func write(_ bytes: [UInt8]) async throws {
        pending.writeBytes(bytes)
        if pending.readableBytes >= Self.pieceSize { try await flush() }
    }

    mutating func flush() async throws {
        var piece = pending
        pending = ByteBuffer()
        let sent = piece.readSlice(length: min(bytesLeft ?? .max, piece.readableBytes))
        if let sent, sent.readableBytes > 0 {
            try await outbound.write(.body(.byteBuffer(sent)))
            bytesLeft = bytesLeft.map { $0 - sent.readableBytes }
        }
        if piece.readableBytes > 0 { throw ending }
    }
}
