package import Addressing
package import ServiceModel

extension DaemonConfiguration {
    /// How traffic from the node's pods is recognised. Only the fields of the mode are used.
    package struct DetectLocal: Sendable, Equatable {
        package var mode = Mode.clusterCIDR
        package var clusterCIDRs: [IPPrefix] = []
        package var nodeCIDRs: [IPPrefix] = []
        package var bridgeInterface: String?
        package var interfaceNamePrefix: String?

        /// Kubernetes' `detectLocalMode`.
        package enum Mode: String, Sendable, CaseIterable {
            case clusterCIDR = "ClusterCIDR"
            case nodeCIDR = "NodeCIDR"
            case bridgeInterface = "BridgeInterface"
            case interfaceNamePrefix = "InterfaceNamePrefix"
            case none = "None"
        }

        static let section = ConfigurationField(
            section: "detectLocal",
            """
            How traffic from this node's pods is recognised. It keeps its source address on the way to a
            ClusterIP, and may use all endpoints of a Service with external policy Local.
            """,
            fields: [
                .live("mode", \.detectLocal.mode, .choice)
                    .about("ClusterCIDR, NodeCIDR, BridgeInterface, InterfaceNamePrefix or None."),
                .live("clusterCIDRs", \.detectLocal.clusterCIDRs, .ranges)
                    .about(
                        "The pod ranges of the whole cluster (mode ClusterCIDR). Empty: no traffic is recognised."
                    ),
                .live("nodeCIDRs", \.detectLocal.nodeCIDRs, .ranges).about(
                    """
                    This node's pod ranges (mode NodeCIDR). Empty: spec.podCIDRs of its Node object.
                    """
                ),
                .live("bridgeInterface", \.detectLocal.bridgeInterface, .interfaceName)
                    .about("The bridge that pods are attached to (mode BridgeInterface)."),
                .live("interfaceNamePrefix", \.detectLocal.interfaceNamePrefix, .interfaceName)
                    .about(
                        "The prefix of pods' interface names (mode InterfaceNamePrefix)."
                    ),
            ]
        )
    }

    package var localDetector: LocalTrafficDetector {
        switch detectLocal.mode {
        case .clusterCIDR:
            detectLocal.clusterCIDRs.isEmpty ? .absent : .sources(detectLocal.clusterCIDRs)
        case .nodeCIDR: .sources(detectLocal.nodeCIDRs)
        case .bridgeInterface: detectLocal.bridgeInterface.map { .interface($0) } ?? .absent
        case .interfaceNamePrefix:
            detectLocal.interfaceNamePrefix.map { .interfacePrefix($0) } ?? .absent
        case .none: .absent
        }
    }

    /// The detector's ranges are `spec.podCIDRs` of the Node object, and `localDetector` has none.
    package var takesPodRangesFromNode: Bool {
        detectLocal.mode == .nodeCIDR && detectLocal.nodeCIDRs.isEmpty
    }

    /// The node's addresses that accept node ports.
    package struct NodePorts: Sendable, Equatable {
        package var addresses = NodePortAddresses.all
        /// Also on 127.0.0.0/8, if `addresses` includes it; nil leaves it to the mode: yes in mode
        /// iptables, in mode nftables if `addresses` names it.
        package var localhost: Bool?

        static let section = ConfigurationField(
            section: "nodePorts",
            fields: [
                .live("addresses", \.nodePorts.addresses, .nodePortAddresses).about(
                    """
                    The node addresses that accept node ports: all, primary (node.addresses), localhost
                    (127.0.0.1), or a list of these words and of ranges, as a union:
                    [primary, localhost, 198.51.100.0/24].
                    """
                ),
                .live("localhost", \.nodePorts.localhost, .automaticBoolean).about(
                    """
                    Whether 127.0.0.0/8, if it is among them, accepts node ports (IPv4): true, false, or auto,
                    which is true in mode iptables, and in mode nftables if addresses names it, by localhost or
                    a range. Sets net.ipv4.conf.all.route_localnet while there are node ports, and keeps
                    neighbours from reaching 127.0.0.0/8. Not possible in mode ipvs.
                    """
                ),
            ]
        )
    }

    /// Which connections get the node's address as their source.
    package struct Masquerade: Sendable, Equatable {
        package var all = false
        package var markBit = 14

        static let section = ConfigurationField(
            section: "masquerade",
            fields: [
                .live("all", \.masquerade.all, .boolean)
                    .about(
                        "Masquerade all ClusterIP traffic, even from pods."
                    ),
                .live("markBit", \.masquerade.markBit, .integer(0...31))
                    .about(
                        "The packet mark bit that requests masquerading (0 to 31); no other program may use it."
                    ),
            ]
        )
    }
}
