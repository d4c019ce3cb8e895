package import DataplaneModel
import SystemCalls

extension KernelCapabilities.Finding {
    /// What the kernel refused to show: a failure, but for who lacks the capability, whom it shows nothing.
    package init(_ subject: String, refusal error: DataplaneError, _ words: String? = nil) {
        if error.kind == .notPermitted, !Self.hasCapability {
            self.init(unseen: subject)
        } else {
            self.init(.failure, subject, words ?? error.message ?? "\(error)")
        }
    }

    init(unseen subject: String) {
        self.init(.note, subject, Self.unseen)
    }

    private static let unseen = "not checked: needs root"

    /// The kernel did not show it to who asked.
    package var isUnseen: Bool { detail == Self.unseen }

    /// Whether this process has CAP_NET_ADMIN. True if that cannot be found out: what is refused stays a failure then.
    static var hasCapability: Bool {
        guard let bytes = try? WholeFile.read("/proc/self/status", limit: 1 << 20) else {
            return true
        }
        let line = bytes.split(separator: 0x0a).lazy.map { String(decoding: $0, as: UTF8.self) }
            .first { $0.hasPrefix("CapEff:") }
        guard let digits = line?.split(separator: "\t").last, let set = UInt64(digits, radix: 16)
        else { return true }
        // linux/capability.h
        return set & (1 << 12) != 0
    }
}
