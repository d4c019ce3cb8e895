/// One command of those that make a lab, with the reason for it.
package struct LabStep: Sendable, Equatable {
    package enum Tool: String, Sendable {
        case ip
        case bridge
        case sysctl
        case modprobe
    }

    /// The namespace it works in; nil for the host's own.
    package let namespace: String?
    package let tool: Tool
    /// Without characters that are special to a shell or to `ip -batch`.
    package let words: String
    package let why: String

    /// As typed in a shell.
    package var command: String {
        switch (tool, namespace) {
        case (.ip, let namespace?), (.bridge, let namespace?):
            "\(tool.rawValue) -n \(namespace) \(words)"
        case (.ip, nil), (.bridge, nil), (.modprobe, _): "\(tool.rawValue) \(words)"
        case (.sysctl, let namespace?): "ip netns exec \(namespace) sysctl -q -w \(words)"
        case (.sysctl, nil): "sysctl -q -w \(words)"
        }
    }
}
