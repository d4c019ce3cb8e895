/// How connections are distributed over endpoints; named after the kernel's IPVS schedulers.
package enum Scheduler: String, Sendable, Hashable, CaseIterable {
    /// In turn.
    case rr
    /// In turn, by weight.
    case wrr
    /// To the endpoint with the fewest connections from this node.
    case lc
    /// The same, in proportion to weight.
    case wlc
    /// By destination, to the endpoint it had before unless that one is overloaded.
    case lblc
    /// By destination, to a group of endpoints it had before.
    case lblcr
    /// By a hash of the destination address.
    case dh
    /// By a hash of the client's address.
    case sh
    /// To the endpoint with the shortest expected delay.
    case sed
    /// To an idle endpoint if there is one, else as `sed`.
    case nq
    /// To the available endpoint of the highest weight.
    case fo
    /// To the endpoint of the highest weight until it has as many connections as that.
    case ovf
    /// By a consistent hash (Maglev) of the client's address and port.
    case mh
    /// To the less loaded of two chosen at random; Linux 6.2 and later.
    case twos

    /// The annotation on a Service that names its scheduler.
    package static let annotation = "fairlead.dev/scheduler"
}

/// How packets are forwarded to an endpoint.
package enum Forwarding: String, Sendable, Hashable, CaseIterable {
    /// The destination is translated, and replies come back through this node.
    case nat
    /// Encapsulated in IP; the endpoint has the Service's address itself and replies to the client
    /// directly.
    case tunnel
    /// Unchanged, to the endpoint's link address; the endpoint has the Service's address itself and
    /// replies to the client directly.
    case direct

    /// The annotation on a Service that selects it.
    package static let annotation = "fairlead.dev/forwarding"
}

/// An endpoint's share of new connections, relative to the others.
package enum EndpointWeight {
    /// The default weight.
    package static let standard: UInt32 = 1
    /// 0 gets no new connections. The kernel's arithmetic is exact up to the maximum.
    package static let range = 0...65535

    /// The annotation on an EndpointSlice: one weight for all of its endpoints (`5`), weights by
    /// address (`10.0.0.1=5,10.0.0.2=0`), or both.
    package static let annotation = "fairlead.dev/weight"
}
