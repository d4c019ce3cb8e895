extension KubeProxyFlag {
    /// Parses `name=value`; nil for any other form, or if kube-proxy has no such flag.
    package init?(parsing text: String) {
        guard let equals = text.firstIndex(of: "=") else { return nil }
        let name = String(text[..<equals])
        guard Self.specification(name) != nil else { return nil }
        self.init(name: name, value: String(text[text.index(after: equals)...]))
    }

    /// The option for one flag, as `name=value`.
    package static let option = "--kube-proxy-flag"

    /// Replaces each of kube-proxy's flags in a command line by `option` and `name=value`, so that one
    /// option is enough for all: `--masquerade-all`, `--proxy-mode=ipvs`, `--proxy-mode ipvs` and,
    /// after `run`, `-v=2`, `-v 2` and `-v2`.
    package static func rewriting(_ arguments: [String]) -> [String] {
        var result: [String] = []
        var rest = arguments[...]
        // Another command may have a -v of its own.
        let takesVerbosity = arguments.first == "run"
        while let argument = rest.popFirst() {
            if argument == "--" { return result + [argument] + rest }
            guard let (name, value) = parts(argument, takesVerbosity),
                let flag = specification(name)
            else {
                result.append(argument)
                continue
            }
            if let value {
                result += [option, "\(name)=\(value)"]
            } else if flag.isBoolean {
                result += [option, "\(name)=true"]
            } else if let next = rest.popFirst() {
                result += [option, "\(name)=\(next)"]
            } else {
                // Left as it is, so that the error names the flag.
                result.append(argument)
            }
        }
        return result
    }

    private static func parts(
        _ argument: String,
        _ takesVerbosity: Bool
    ) -> (name: String, value: String?)? {
        if argument.hasPrefix("--") {
            let text = argument.dropFirst(2)
            guard let equals = text.firstIndex(of: "=") else { return (String(text), nil) }
            return (String(text[..<equals]), String(text[text.index(after: equals)...]))
        }
        guard takesVerbosity, argument.hasPrefix("-v") else { return nil }
        let rest = argument.dropFirst(2)
        let value = rest.hasPrefix("=") ? rest.dropFirst() : rest
        if rest.isEmpty { return ("v", nil) }
        return value.allSatisfy { ("0"..."9").contains($0) } ? ("v", String(value)) : nil
    }
}
