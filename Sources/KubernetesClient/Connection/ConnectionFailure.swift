import Glibc
import NIOCore
import NIOPosix

/// No server gave an answer.
package struct ConnectionFailure: Error, Sendable, CustomStringConvertible {
    package var server: ServerAddress
    package var reason: String

    package var description: String { "\(server): \(reason)" }
}

/// An error in a few words; those of the network library fill a screen.
func shortText(_ error: any Error) -> String {
    let text: String
    if let connecting = error as? NIOConnectionError {
        let reasons = connecting.connectionErrors.map { shortText($0.error) }
        let lookups = [connecting.dnsAError, connecting.dnsAAAAError].compactMap { $0 }
        text = reasons.first ?? lookups.first.map { "\($0)" } ?? "cannot connect"
    } else if let system = error as? IOError {
        text = String(cString: strerror(system.errnoCode))
    } else {
        text = "\(error)"
    }
    let flat = text.unicodeScalars.map { $0.properties.generalCategory == .control ? " " : $0 }
    var result = ""
    result.unicodeScalars.append(contentsOf: flat.prefix(300))
    return result
}
