import AnnotatedYAML
import PrintableText

extension DaemonConfiguration.Sources.Kubernetes {
    static let fieldNames = [
        "kubeconfig", "context", "servers", "contentType", "snapshotCache", "staleAfter",
    ]

    init(_ fields: Fields) throws(FieldError) {
        self.init()
        try fields.refuseUnknown(Self.fieldNames)
        kubeconfig = try fields.absolutePathOrNone("kubeconfig")
        if let text = try fields.string("context"), !text.isEmpty { context = text }
        for (text, line, path) in try fields.strings("servers") {
            guard Self.isServer(text) else {
                throw FieldError(
                    line: line,
                    path: path,
                    reason: "\(quoted(text)) is no server such as https://192.0.2.1:6443"
                )
            }
            servers.append(text)
        }
        contentType = try fields.choice("contentType", of: ContentType.self) ?? contentType
        snapshotCache = try fields.boolean("snapshotCache") ?? snapshotCache
        staleAfter =
            try fields.duration("staleAfter", in: .zero ... .seconds(86400)) ?? staleAfter
        guard kubeconfig != nil || context == nil else {
            throw fields.error("context", "needs a kubeconfig")
        }
    }

    /// A host, with or without a scheme and a port, and without credentials, which would end up in
    /// logs.
    static func isServer(_ text: String) -> Bool {
        let scheme = ["https://", "http://"].first { text.hasPrefix($0) } ?? ""
        guard !scheme.isEmpty || !text.contains("://") else { return false }
        let rest = text.utf8.dropFirst(scheme.utf8.count)
        guard let first = rest.first, first != UInt8(ascii: "/"), first != UInt8(ascii: ":") else {
            return false
        }
        return rest.allSatisfy { $0 > 0x20 && $0 < 0x7f && !"\"'<>@\\?#".utf8.contains($0) }
    }
}
