package import Addressing

/// How packets from pods on this node are recognised (Kubernetes `detectLocalMode`).
package enum LocalTrafficDetector: Sendable, Hashable {
    /// Not at all.
    case absent
    /// By source, in one of these ranges: the pod CIDRs of the cluster or of this node. A family
    /// without a range has no detector.
    case sources([IPPrefix])
    /// By input interface.
    case interface(String)
    /// By a prefix of the input interface's name.
    case interfacePrefix(String)
}
