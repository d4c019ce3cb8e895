import DataplaneModel
import SocketDiag

extension KernelCapabilities {
    /// Whether this kernel ends UDP sockets whose endpoint is gone, which the socket level needs with UDP. Changes
    /// nothing, but may make the kernel load a module.
    package static func endingOfSockets() -> Finding {
        let subject = "ending UDP sockets"
        do throws(DataplaneError) {
            guard let lack = try DatagramSockets.shortcoming() else {
                return Finding(.good, subject, "possible")
            }
            return Finding(
                .note,
                subject,
                "\(lack.message ?? ""): connected UDP sockets keep endpoints that are gone"
            )
        } catch {
            return Finding(.note, subject, "unknown: \(error)")
        }
    }
}
