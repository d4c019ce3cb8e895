import Addressing
import Glibc
import NIOCore
import NIOPosix
import NIOSSL
import PrintableText
import Synchronization

/// Why a server's certificate is rejected, which the TLS library does not say. Found out over a
/// connection of its own, on which nothing is sent.
struct CertificateProblem {
    /// Longer than the library takes to fail.
    private static let limit = TimeAmount.seconds(5)

    enum Kind {
        /// It has no chain to a trusted authority, or is not valid now.
        case chain
        /// It is valid, but for another name.
        case name
    }

    var kind: Kind
    /// The server's own certificate; nil if it could not be obtained.
    var certificate: NIOSSLCertificate?
    /// The address or name it has to be for.
    var name: String
    /// The trusted authorities; empty for the system's.
    var authorities: [NIOSSLCertificate]
    /// For messages: where the authorities are configured.
    var trust: String

    /// Nil if the error has another cause.
    static func kind(of error: any Error) -> Kind? {
        switch error {
        case NIOSSLError.handshakeFailed(let reason):
            "\(reason)".contains(":CERTIFICATE_VERIFY_FAILED") ? .chain : nil
        case NIOSSLError.unableToValidateCertificate: .name
        case let error as NIOSSLExtraError: error == .failedToValidateHostname ? .name : nil
        default: nil
        }
    }

    /// The certificates the server presents; empty if it does not respond. It is reached at `host`
    /// and `port`.
    static func certificates(host: String, port: Int, name: String) async -> [NIOSSLCertificate] {
        let seen = Mutex<[NIOSSLCertificate]>([])
        let connecting = ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connectTimeout(limit)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let context = try NIOSSLContext(configuration: .makeClientConfiguration())
                    let look: NIOSSLCustomVerificationCallback = { certificates, verdict in
                        seen.withLock { $0 = certificates }
                        verdict.succeed(.failed)
                    }
                    let handler = try NIOSSLClientHandler(
                        context: context,
                        serverHostname: IPAddress(name) == nil ? name : nil,
                        customVerificationCallback: look
                    )
                    try channel.pipeline.syncOperations.addHandler(handler)
                }
            }
        guard let channel = try? await connecting.connect(host: host, port: port).get() else {
            return []
        }
        let deadline = channel.eventLoop.scheduleTask(in: limit) { channel.close(promise: nil) }
        try? await channel.closeFuture.get()
        deadline.cancel()
        return seen.withLock { $0 }
    }

    var words: String { "\(fault); trusted: \(trust)" }

    private var fault: String {
        guard let certificate else {
            return kind == .name
                ? "its certificate is not for \(printable(name))"
                : "its certificate is not accepted"
        }
        if kind == .name {
            return "its certificate is for \(certificate.names), not for \(printable(name))"
        }
        let now = time(nil)
        if certificate.notValidAfter < now {
            return "its certificate expired on \(Self.day(certificate.notValidAfter))"
        }
        if certificate.notValidBefore > now {
            return "its certificate is not valid before \(Self.day(certificate.notValidBefore))"
        }
        let old = authorities.filter { $0.notValidAfter < now }
        if let first = old.first, old.count == authorities.count {
            return
                "the trusted authority's own certificate expired on \(Self.day(first.notValidAfter))"
        }
        return "its certificate was issued by \(certificate.issuer), which is not trusted"
    }

    private static func day(_ seconds: time_t) -> String {
        var seconds = seconds
        var parts = tm()
        gmtime_r(&seconds, &parts)
        func two(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }
        return "\(parts.tm_year + 1900)-\(two(parts.tm_mon + 1))-\(two(parts.tm_mday))"
            + " \(two(parts.tm_hour)):\(two(parts.tm_min)) UTC"
    }
}

extension NIOSSLCertificate {
    /// Whether the certificate names this address.
    func names(_ address: IPAddress) -> Bool {
        _subjectAlternativeNames().contains {
            $0.nameType == .ipAddress && Array($0.contents) == address.bytes
        }
    }

    /// The first few names of the certificate, for messages.
    fileprivate var names: String {
        let names = _subjectAlternativeNames().compactMap { name -> String? in
            let bytes = Array(name.contents)
            switch name.nameType {
            case .dnsName: return printable(String(decoding: bytes, as: UTF8.self))
            case .ipAddress: return IPAddress(networkBytes: bytes)?.description
            default: return nil
            }
        }
        if names.isEmpty { return "no name" }
        let shown = names.prefix(4).joined(separator: ", ")
        return names.count > 4 ? "\(shown) and \(names.count - 4) more" : shown
    }

    /// The issuer's common name, for messages.
    fileprivate var issuer: String {
        issuerName.last { $0.type == .commonName }.map { quoted($0.value) }
            ?? "an authority without a name"
    }
}

extension IPAddress {
    fileprivate init?(networkBytes: [UInt8]) {
        let bits = networkBytes.reduce(UInt128(0)) { $0 << 8 | UInt128($1) }
        switch networkBytes.count {
        case 4: self.init(family: .ipv4, bits: bits)
        case 16: self.init(family: .ipv6, bits: bits)
        default: return nil
        }
    }
}
