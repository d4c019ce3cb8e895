package import Addressing

/// How a packet from a pod on this node is recognised (Kubernetes `detectLocalMode`).
package enum LocalTrafficDetector: Sendable, Hashable {
    /// No packet is known to be from a local pod.
    case absent
    /// The source lies in one of these ranges: the cluster's pod CIDRs, or this node's. A family
    /// without a range has no detector.
    case sources([IPPrefix])
    /// The packet came in on this interface.
    case interface(String)
    /// The packet came in on an interface whose name begins so.
    case interfacePrefix(String)
}
