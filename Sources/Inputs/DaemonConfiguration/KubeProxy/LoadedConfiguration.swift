import AnnotatedYAML

/// A configuration and the warnings about its text.
package struct LoadedConfiguration: Sendable, Equatable {
    package var configuration: DaemonConfiguration
    /// What is ignored, and why; one printable line each.
    package var warnings: [String] = []
    /// kube-proxy's feature gates that are set, with or without effect here.
    package var featureGates: [String: Bool] = [:]

    package init(_ configuration: DaemonConfiguration = DaemonConfiguration()) {
        self.configuration = configuration
    }

    /// Parses a configuration file: Fairlead's own form, or a `KubeProxyConfiguration`, also among
    /// other documents (kubeadm's) or in a ConfigMap. The error names file, line and field.
    package init(text: String, file: String) throws(ConfigurationError) {
        let candidates: [KubeProxyDocument]
        do throws(FieldError) {
            candidates = try KubeProxyDocument.all(in: text)
        } catch {
            throw ConfigurationError(file: file, error)
        }
        guard let document = candidates.first else {
            self.init(try DaemonConfiguration(text: text, file: file))
            return
        }
        guard candidates.count == 1 else {
            throw ConfigurationError(
                file: file,
                FieldError(
                    line: candidates[1].value.line,
                    path: "",
                    reason: "a second KubeProxyConfiguration; there must be one"
                )
            )
        }
        do throws(FieldError) {
            let translation = try KubeProxyTranslation(document.value)
            self.init(translation.configuration)
            featureGates = try translation.featureGates()
            warnings = (document.warnings + translation.unknown).sorted { $0.line < $1.line }
                .map { "\(file):\($0.line): \($0)" }
            if let summary = translation.summary { warnings.append("\(file): \(summary)") }
        } catch {
            throw ConfigurationError(file: file, error)
        }
    }
}
