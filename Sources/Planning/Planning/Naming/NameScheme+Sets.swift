package import Addressing
package import DataplaneModel

extension NameScheme {
    /// What a set is for; the end of its name.
    package enum SetRole: String, Sendable, CaseIterable {
        /// Every frontend of a Service.
        case services = "SERVICE"
        /// Every Service address that is bound to this node.
        case addresses = "VIP"
        /// ClusterIP frontends, masqueraded unless the client is a local pod.
        case clusterIPs = "CLUSTER"
        /// Frontends whose connections are always masqueraded: external, policy Cluster.
        case masqueraded = "EXTERNAL"
        /// External frontends of policy Local, with the mark for clients inside.
        case internalClients = "INSIDE"
        /// Frontends whose endpoints are all elsewhere.
        case dropped = "DROP"
        /// Frontends that only some sources may use.
        case sourceRestricted = "GUARDED"
        /// Those sources.
        case allowed = "ALLOWED"
        /// Health check node ports.
        case healthChecks = "HEALTH"
    }

    /// `FAIRLEAD-4-VIP`; the families have sets of their own.
    package static func set(_ role: SetRole, _ family: IPFamily) -> IPSetName {
        IPSetName(setPrefix(family) + role.rawValue)
    }

    /// Every set of Fairlead in a family begins so; nothing else may.
    package static func setPrefix(_ family: IPFamily) -> String {
        family == .ipv4 ? "FAIRLEAD-4-" : "FAIRLEAD-6-"
    }

    /// True for sets that Fairlead may change and remove.
    package static func owns(set name: String, _ family: IPFamily) -> Bool {
        name.hasPrefix(setPrefix(family))
    }
}
