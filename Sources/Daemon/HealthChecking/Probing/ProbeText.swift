import Glibc
import NIOCore
import NIOHTTP1
import NIOSSL
import SystemPackage

/// The error of a failed probe in one line.
enum ProbeText {
    static func result(of error: any Error) -> ProbeResult {
        if let error = error as? IOError, isLocalFault(error.errnoCode) {
            return .impossible(reason: describe(error))
        }
        return .failed(reason: describe(error))
    }

    static func describe(_ error: any Error) -> String {
        switch error {
        case let error as IOError: Errno(rawValue: error.errnoCode).description
        case is HTTPParserError: "the response is not HTTP"
        case is ByteLimit.Exceeded:
            "the response headers are larger than \(ByteLimit.maximum >> 10) KiB"
        case let error as NIOSSLExtraError where error == .failedToValidateHostname:
            "TLS: the certificate is for another name"
        case is NIOSSLExtraError, is NIOSSLError, is BoringSSLError: "TLS: \(printable(error))"
        default: printable(error)
        }
    }

    /// Errors caused by this node say nothing about the endpoint (socket(2), connect(2)).
    private static func isLocalFault(_ code: Int32) -> Bool {
        [
            EMFILE, ENFILE, ENOBUFS, ENOMEM, EADDRNOTAVAIL, EAFNOSUPPORT, EPERM, EACCES,
        ]
        .contains(code)
    }

    /// A library's error text, which may quote the peer: one truncated line of ASCII.
    private static func printable(_ error: any Error) -> String {
        let text = String(describing: error).unicodeScalars.map { scalar in
            (0x20...0x7e).contains(scalar.value) ? Character(scalar) : " "
        }
        return String(text.prefix(200))
    }
}
