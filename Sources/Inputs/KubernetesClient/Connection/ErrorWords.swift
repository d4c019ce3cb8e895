import AsyncHTTPClient
import Glibc
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import PrintableText
import SystemPackage

/// A short description of an error. Those of the network libraries fill a screen, begin with the
/// name of a type, or hold paths of the machine they were built on.
func shortText(_ error: any Error) -> String {
    onOneLine(words(error))
}

/// On one line and without invisible characters, because the text may come from a hostile peer.
private func onOneLine(_ text: String) -> String {
    let flat = text.unicodeScalars.map { $0.properties.generalCategory == .control ? " " : $0 }
    return printable(String(String.UnicodeScalarView(flat)), limit: 300)
}

private func words(_ error: any Error) -> String {
    switch error {
    case let error as NIOConnectionError: words(connecting: error)
    case let error as IOError: Errno(rawValue: error.errnoCode).description
    case let error as HTTPClientError: words(client: error)
    case let error as NIOSSLError: words(tls: error)
    case let error as BoringSSLError: words(tlsText: "\(error)")
    case let error as NIOSSLExtraError:
        error == .failedToValidateHostname
            ? "its certificate is for another name" : words(tlsText: "\(error)")
    case is HTTPParserError: "the response is not HTTP"
    case is CancellationError: "cancelled"
    case ChannelError.connectTimeout(let time):
        "not connected within \(time.nanoseconds / 1_000_000_000) s"
    case is ChannelError: "the connection is closed"
    default: words(other: error)
    }
}

/// This program's errors are readable as they are; those of the HTTP/2 library are described by
/// their type names.
private func words(other error: any Error) -> String {
    let type = String(reflecting: type(of: error)).split(separator: ".")
    guard type.first?.hasPrefix("NIO") == true, let name = type.last else { return "\(error)" }
    return "the server ended the HTTP/2 connection (\(name))"
}

private func words(connecting error: NIOConnectionError) -> String {
    if let first = error.connectionErrors.first { return words(first.error) }
    if error.dnsAError != nil || error.dnsAAAAError != nil {
        return "the name \(error.host) cannot be resolved"
    }
    return "cannot connect"
}

private func words(client error: HTTPClientError) -> String {
    switch error {
    case .connectTimeout: "connection timed out"
    case .tlsHandshakeTimeout: "TLS handshake timed out"
    case .remoteConnectionClosed: "the server closed the connection"
    case .serverOfferedUnsupportedApplicationProtocol(""):
        "the server offers no supported HTTP version"
    default: error.shortDescription.lowercasedFirst
    }
}

private func words(tls error: NIOSSLError) -> String {
    switch error {
    case .handshakeFailed(let reason), .shutdownFailed(let reason): words(tlsText: "\(reason)")
    case .uncleanShutdown: "the server closed the connection without ending TLS"
    case .noCertificateToValidate: "the server presents no certificate"
    case .unableToValidateCertificate: "its certificate is not accepted"
    default: "TLS failed (\("\(error)".prefix { $0.isLetter }))"
    }
}

/// Recognised by the library's error names, which appear only in its text.
private func words(tlsText text: String) -> String {
    let name = text.firstRange(of: "OPENSSL_internal:").map { range in
        String(text[range.upperBound...].prefix { $0.isLetter || $0.isNumber || $0 == "_" })
    }
    guard let name else {
        return text.contains("EOF during handshake")
            ? "the server closed the connection during the TLS handshake" : "TLS failed"
    }
    switch name {
    case "CERTIFICATE_VERIFY_FAILED": return "its certificate is not accepted"
    case "WRONG_VERSION_NUMBER", "HTTP_REQUEST": return "it does not speak TLS"
    case "UNSUPPORTED_PROTOCOL", "TLSV1_ALERT_PROTOCOL_VERSION":
        return "it does not speak TLS 1.2 or newer"
    default: break
    }
    let readable = name.lowercased().split(separator: "_")
    guard let alert = readable.firstIndex(of: "alert") else {
        return "TLS failed: \(readable.joined(separator: " "))"
    }
    let reason = readable[(alert + 1)...].joined(separator: " ")
    let isAboutUs = ["certificate", "ca", "access"].contains { reason.contains($0) }
    return isAboutUs
        ? "it rejects the client certificate: \(reason)" : "it ends the TLS handshake: \(reason)"
}

extension String {
    fileprivate var lowercasedFirst: String { prefix(1).lowercased() + dropFirst() }
}
