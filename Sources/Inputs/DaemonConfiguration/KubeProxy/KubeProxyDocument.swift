import AnnotatedYAML
import PrintableText

/// A `KubeProxyConfiguration` found in a text.
struct KubeProxyDocument {
    static let group = "kubeproxy.config.k8s.io"
    static let version = "\(group)/v1alpha1"
    static let kind = "KubeProxyConfiguration"

    var value: YAMLValue
    /// Repeated keys and ignored documents.
    var warnings: [FieldError]

    /// Those in a text; none in Fairlead's own form. Throws if the text may hold one and cannot be
    /// parsed.
    static func all(in text: String) throws(FieldError) -> [Self] {
        // Most texts are Fairlead's own form.
        guard text.contains(kind) || text.contains("\(group)/") else { return [] }
        let (documents, overridden) = YAMLText.documentsTakingLastKeys(text)
        // "\r\n" is one Character.
        let lines = text.split(omittingEmptySubsequences: false) { $0 == "\n" || $0 == "\r\n" }
        var found: [Self] = []
        var others: [FieldError] = []
        var values: [YAMLValue] = []
        for document in documents { values += try items(of: document.get()) }
        for value in values {
            guard let fields = try? Fields(value) else { continue }
            let kind = (try? fields.string("kind")) ?? nil
            if isOne(fields, kind) {
                found.append(Self(value: value, warnings: []))
            } else if kind == "ConfigMap" {
                found += try inConfigMap(fields, lines: lines)
            } else {
                others.append(
                    FieldError(
                        line: value.line,
                        path: "",
                        reason: "ignored: a document of kind \(kind.map(quoted) ?? "none")"
                    )
                )
            }
        }
        guard !found.isEmpty else { return [] }
        found[0].warnings += overridden + others
        return found
    }

    /// The items of a list (`kubectl get -o yaml` of several objects), nested lists included; for
    /// anything else, the value itself.
    private static func items(of value: YAMLValue) throws(FieldError) -> [YAMLValue] {
        guard let fields = try? Fields(value), let kind = try? fields.string("kind"),
            ["List", "ConfigMapList"].contains(kind)
        else { return [value] }
        var found: [YAMLValue] = []
        for (item, _) in try fields.list("items") {
            guard kind == "ConfigMapList", case .mapping(var entries) = item.content,
                !entries.contains(where: { $0.key == "kind" })
            else {
                found += try items(of: item)
                continue
            }
            // The items of a typed list have no kind.
            let kind = YAMLValue(line: item.line, content: .scalar("ConfigMap", isPlain: true))
            entries.append(YAMLValue.Entry(key: "kind", keyLine: item.line, value: kind))
            found.append(YAMLValue(line: item.line, content: .mapping(entries)))
        }
        return found
    }

    private static func isOne(_ fields: Fields, _ kind: String?) -> Bool {
        let version = (try? fields.string("apiVersion")) ?? nil
        return kind == Self.kind || version?.hasPrefix("\(group)/") == true
    }

    /// kubeadm and others keep the file in a ConfigMap, as the value of a key.
    private static func inConfigMap(
        _ fields: Fields,
        lines: [Substring]
    ) throws(FieldError) -> [Self] {
        guard let data = try? fields.fields("data") else { return [] }
        var found: [Self] = []
        for name in data.names {
            guard let text = (try? data.string(name)) ?? nil, let value = data.value(name) else {
                continue
            }
            // A block scalar begins on the line after its indicator; other text is on one line.
            let first = value.line <= lines.count ? lines[value.line - 1] : ""
            let isBlock = first.last.map { "|>-+".contains($0) } ?? false
            let place = { (line: Int) in isBlock ? value.line + line : value.line }
            do throws(FieldError) {
                for var document in try all(in: text) {
                    document.value = document.value.moved(place)
                    document.warnings = document.warnings.map { $0.moved(place) }
                    found.append(document)
                }
            } catch {
                throw error.moved(place)
            }
        }
        return found
    }
}

extension YAMLValue {
    /// The same value with other line numbers.
    fileprivate func moved(_ place: (Int) -> Int) -> YAMLValue {
        let content: Content =
            switch self.content {
            case .null, .scalar: self.content
            case .sequence(let elements): .sequence(elements.map { $0.moved(place) })
            case .mapping(let entries):
                .mapping(
                    entries.map { entry in
                        var entry = entry
                        entry.keyLine = place(entry.keyLine)
                        entry.value = entry.value.moved(place)
                        return entry
                    }
                )
            }
        return YAMLValue(line: place(line), content: content)
    }
}

extension FieldError {
    fileprivate func moved(_ place: (Int) -> Int) -> FieldError {
        FieldError(line: place(line), path: path, reason: reason)
    }
}
