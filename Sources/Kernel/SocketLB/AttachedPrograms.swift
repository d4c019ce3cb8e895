import Addressing
import Synchronization

/// The programs that this process has found or attached as its own, with the stores of both families: their pins may be
/// gone.
enum AttachedPrograms {
    /// By the path of a `PinDirectory`.
    private static let known = Mutex<[String: Set<UInt32>]>([:])

    /// Those of one family, in place of what was known of it.
    static func note(_ attachment: Attachment, _ pins: PinDirectory) {
        let programs = Set(attachment.links.values.map(\.program))
        known.withLock { $0[pins.path] = programs }
    }

    static func of(_ pins: PinDirectory) -> Set<UInt32> {
        known.withLock { $0[pins.path] ?? [] }
    }
}
