/// Certificates or a private key in PEM form, inline or in a file.
package enum PEMSource: Sendable, Hashable {
    case inline(Secret)
    /// Reread before each request, so that a rotated file takes effect at once.
    case file(String)

    /// For messages.
    var place: String {
        switch self {
        case .inline: "the kubeconfig"
        case .file(let path): path
        }
    }

    func read() throws(ClientError) -> Secret {
        switch self {
        case .inline(let text): text
        case .file(let path): try Secret(textOfFile(path))
        }
    }
}
