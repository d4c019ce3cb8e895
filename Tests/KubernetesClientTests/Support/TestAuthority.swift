import Foundation
import NIOSSL
import TestSupport

/// A certificate authority in a directory of its own, with the `openssl` program.
struct TestAuthority {
    let directory: String

    var certificate: String { directory + "/ca.crt" }

    init(in directory: String, name: String = "ca") throws {
        self.directory = directory + "/" + name
        try FileManager.default.createDirectory(
            atPath: self.directory,
            withIntermediateDirectories: true
        )
        try Self.openssl(
            ["req", "-x509", "-subj", "/CN=\(name)", "-keyout", self.directory + "/ca.key"]
                + ["-out", certificate] + Self.common
        )
    }

    /// A certificate and its key, as file paths.
    func issue(
        _ name: String,
        alternatives: String = "DNS:unused"
    ) throws -> (certificate: String, key: String) {
        let files = (directory + "/\(name).crt", directory + "/\(name).key")
        try Self.openssl(
            [
                "req", "-x509", "-subj", "/CN=\(name)", "-CA", certificate, "-CAkey",
                directory + "/ca.key", "-addext", "subjectAltName=\(alternatives)", "-addext",
                "basicConstraints=critical,CA:FALSE", "-out", files.0, "-keyout", files.1,
            ] + Self.common
        )
        return files
    }

    /// A certificate of the year 2020 and its key, as file paths.
    func issueExpired(
        _ name: String,
        alternatives: String
    ) throws -> (certificate: String, key: String) {
        let files = (directory + "/\(name).crt", directory + "/\(name).key")
        let (request, settings) = (directory + "/\(name).csr", directory + "/\(name).conf")
        let text = """
            [ca]
            default_ca = own
            [own]
            database = \(directory)/index
            serial = \(directory)/serial
            new_certs_dir = \(directory)
            default_md = sha256
            policy = any
            x509_extensions = names
            [any]
            commonName = supplied
            [names]
            subjectAltName = \(alternatives)

            """
        for (content, file) in [(text, settings), ("", "\(directory)/index")] {
            try content.write(toFile: file, atomically: true, encoding: .utf8)
        }
        try Self.openssl(
            ["req", "-new", "-subj", "/CN=\(name)", "-out", request, "-keyout", files.1]
                + Self.common.dropLast(2)
        )
        try Self.openssl([
            "ca", "-batch", "-config", settings, "-cert", certificate, "-keyfile",
            directory + "/ca.key", "-create_serial", "-in", request, "-out", files.0, "-notext",
            "-startdate", "200101000000Z", "-enddate", "200102000000Z",
        ])
        return files
    }

    /// TLS for a server with the given name, which optionally requires a client certificate of this authority.
    func server(
        alternatives: String = "IP:127.0.0.1",
        asksClients: Bool = false,
        isExpired: Bool = false
    ) throws -> TLSConfiguration {
        let files =
            isExpired
            ? try issueExpired("server", alternatives: alternatives)
            : try issue("server", alternatives: alternatives)
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: try NIOSSLCertificate.fromPEMFile(files.certificate)
                .map { .certificate($0) },
            privateKey: .privateKey(try NIOSSLPrivateKey(file: files.key, format: .pem))
        )
        if asksClients {
            configuration.certificateVerification = .noHostnameVerification
            configuration.trustRoots = .file(certificate)
        }
        return configuration
    }

    private static let common = [
        "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
    ]

    private static func openssl(_ arguments: [String]) throws {
        try TestProgram.run(["/usr/bin/openssl"] + arguments)
    }
}
