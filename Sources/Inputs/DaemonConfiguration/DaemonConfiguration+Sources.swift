package import Addressing

extension DaemonConfiguration {
    /// This node.
    package struct Node: Sendable, Equatable {
        /// Compared with endpoints' node names; nil for the host name in lower case.
        package var name: String?
        package var zone: String?
        package var addresses: [IPAddress] = []

        /// What `isName` accepts.
        package static let names =
            "a name of letters, digits, hyphens, dots and underscores, read in lower case"

        /// Whether the text, in lower case, can name a node: a name of Kubernetes', or a host's with underscores.
        package static func isName(_ text: String) -> Bool {
            (1...253).contains(text.utf8.count)
                && text.utf8.allSatisfy { byte in
                    switch byte {
                    case UInt8(ascii: "a")...UInt8(ascii: "z"),
                        UInt8(ascii: "0")...UInt8(ascii: "9"):
                        true
                    default: "-._".utf8.contains(byte)
                    }
                }
        }

        static let section = ConfigurationField(
            section: "node",
            fields: [
                .restart("name", \.node.name, .nodeName)
                    .about(
                        "Matched against the node names of endpoints, to find the local ones. Empty: the host name."
                    ),
                .live("zone", \.node.zone, .optionalText)
                    .about("Matched against the zone hints of endpoints. Empty: no zone."),
                .live("addresses", \.node.addresses, .nodeAddresses).about(
                    """
                    The node's own addresses, at most one per family. Empty: the first global ones on its
                    interfaces.
                    """
                ),
            ]
        )
    }

    /// The sources of Services.
    package struct Sources: Sendable, Equatable {
        package var filePath = "/etc/fairlead/services.d"
        /// The directory for copies of the last good state, used by the next start; nil for none.
        package var stateDirectory: String? = "/var/lib/fairlead"
        package var serviceProxyName = ""
        /// An API server; nil for none.
        package var kubernetes: Kubernetes?

        static let section = ConfigurationField(
            section: "sources",
            fields: [
                .restart("files", \.sources.filePath, .text).about(
                    """
                    A directory of .yaml, .yml and .json manifests, or one such file; watched for changes.
                    Empty: none, if there is an API server.
                    """
                ),
                .restart("stateDirectory", \.sources.stateDirectory, .optionalPath).about(
                    """
                    For copies of the last good state, so that a restart in the middle of an edit, or without
                    an API server, loses nothing; for the note that route_localnet was set here, without which it
                    stays on; and for the lock that keeps a second daemon out. Empty: none.
                    """
                ),
                .restart("serviceProxyName", \.sources.serviceProxyName, .text).about(
                    """
                    Serve the Services labelled service.kubernetes.io/service-proxy-name=<this>, instead of
                    those without the label.
                    """
                ),
                Kubernetes.section,
            ]
        )

        /// Services and endpoints from a Kubernetes API server.
        package struct Kubernetes: Sendable, Equatable {
            /// An absolute path; nil for the service account of the daemon's pod.
            package var kubeconfig: String?
            /// A context of the kubeconfig; nil for its current one.
            package var context: String?
            /// API servers, tried in turn, instead of the kubeconfig's or the pod's; empty for those.
            /// Without a scheme they use https if the kubeconfig or the pod has a setting that only
            /// TLS needs, otherwise http, as client-go does.
            package var servers: [String] = []
            package var contentType = ContentType.protobuf
            package var snapshotCache = true
            /// After this time without an answer the source is stale and the daemon unhealthy; zero
            /// for never.
            package var staleAfter = Duration.seconds(300)

            package init() {}

            /// The encoding of objects.
            package enum ContentType: String, Sendable, CaseIterable {
                /// JSON if the server has no protobuf.
                case protobuf
                case json
            }
        }
    }
}

extension DaemonConfiguration.Sources {
    fileprivate var watchesKubernetes: Bool {
        get { kubernetes != nil }
        set { kubernetes = newValue ? kubernetes ?? Kubernetes() : nil }
    }

    /// The defaults if there is no section; they cannot be changed then.
    fileprivate var kubernetesSection: Kubernetes {
        get { kubernetes ?? Kubernetes() }
        set { if kubernetes != nil { kubernetes = newValue } }
    }
}

extension DaemonConfiguration.Sources.Kubernetes {
    fileprivate static let section = ConfigurationField(
        section: "kubernetes",
        "Watch a Kubernetes API server, too. Without this section none is watched.",
        presence: \DaemonConfiguration.sources.watchesKubernetes,
        fields: [
            .restart("kubeconfig", \.sources.kubernetesSection.kubeconfig, .optionalPath)
                .about(
                    "Absolute path of a kubeconfig. Empty: the service account of the daemon's pod."
                ),
            .restart("context", \.sources.kubernetesSection.context, .optionalText)
                .about("A context of the kubeconfig. Empty: its current one."),
            .restart("servers", \.sources.kubernetesSection.servers, .servers).about(
                """
                API servers, tried in turn, instead of the kubeconfig's or the pod's:
                [https://192.0.2.1:6443]. Without a scheme: https if the kubeconfig or the pod has anything
                that only TLS needs, else http. Do not use the address of the Service `kubernetes`: it works
                only once Fairlead has programmed it.
                """
            ),
            .restart("contentType", \.sources.kubernetesSection.contentType, .choice)
                .about("protobuf (JSON where the server has none) or json."),
            .restart("snapshotCache", \.sources.kubernetesSection.snapshotCache, .boolean)
                .about(
                    "Save the last state in stateDirectory, for a start while no API server answers."
                ),
            .restart(
                "staleAfter",
                \.sources.kubernetesSection.staleAfter,
                .time(.zero ... .seconds(86400))
            ).about(
                """
                After this time without a sign of life the source is stale and /healthz red. Bookmarks are
                a sign of life; lists are not while no watch works. 0s: never.
                """
            ),
        ]
    )

    /// Whether the text is a host, with or without scheme and port, and without credentials, which
    /// would be logged.
    static func isServer(_ text: String) -> Bool {
        let scheme = ["https://", "http://"].first { text.hasPrefix($0) } ?? ""
        guard !scheme.isEmpty || !text.contains("://") else { return false }
        let rest = text.utf8.dropFirst(scheme.utf8.count)
        guard let first = rest.first, first != UInt8(ascii: "/"), first != UInt8(ascii: ":") else {
            return false
        }
        return hasPort(rest.prefix { $0 != UInt8(ascii: "/") })
            && rest.allSatisfy { $0 > 0x20 && $0 < 0x7f && !"\"'<>@\\?#".utf8.contains($0) }
    }

    /// Whether what stands behind the host's colon, if there is one, is a port.
    private static func hasPort(_ authority: Substring.UTF8View) -> Bool {
        // Not those in the brackets of an IPv6 address.
        let host = authority.lastIndex(of: UInt8(ascii: "]")) ?? authority.startIndex
        guard let colon = authority[host...].firstIndex(of: UInt8(ascii: ":")) else { return true }
        let port = authority[colon...].dropFirst()
        return port.allSatisfy { UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }
            && (1...65535).contains(Int(String(Substring(port))) ?? 0)
    }
}
