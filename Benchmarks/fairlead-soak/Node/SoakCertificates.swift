import NIOSSL
import NamespaceLab

/// Two certificates for the API server, each of which only itself vouches for, and the file that says which of them
/// the daemon trusts.
struct SoakCertificates {
    private let directory: String
    /// Which of the two the daemon trusts.
    private(set) var trusted = 0

    var trustedFile: String { directory + "/ca.crt" }

    init(in directory: String) throws {
        self.directory = directory
        for number in 0...1 {
            try LabCommand.run([
                "openssl", "req", "-x509", "-nodes", "-newkey", "ec", "-pkeyopt",
                "ec_paramgen_curve:prime256v1", "-days", "30", "-subj", "/CN=soak-\(number)",
                "-addext", "subjectAltName=IP:127.0.0.1",
                "-keyout", "\(directory)/\(number).key", "-out", "\(directory)/\(number).crt",
            ])
        }
        try trust(0)
    }

    /// From now on the file has the certificate of that number.
    mutating func trust(_ number: Int) throws {
        trusted = number
        try LabCommand.run(["cp", "\(directory)/\(number).crt", trustedFile + ".new"])
        try LabCommand.run(["mv", trustedFile + ".new", trustedFile])
    }

    /// For a server that shows the certificate of that number.
    func server(_ number: Int) throws -> TLSConfiguration {
        TLSConfiguration.makeServerConfiguration(
            certificateChain: try NIOSSLCertificate.fromPEMFile("\(directory)/\(number).crt")
                .map { .certificate($0) },
            privateKey: .privateKey(
                try NIOSSLPrivateKey(file: "\(directory)/\(number).key", format: .pem)
            )
        )
    }
}
