package import KubernetesAPI

/// Settings of one reflector.
package struct ReflectorSettings: Sendable {
    /// The server ends a watch after a random time within this range, in seconds.
    package var watchSeconds = 300...600
    /// How much later than that the server may end it.
    package var watchSlack = Duration.seconds(30)
    /// The longest silence during a list.
    package var listIdleLimit = Duration.seconds(30)
    /// The longest list, in bytes of all its pages.
    package var listLimit = 1 << 30
    /// A watch that ends sooner without an event has failed.
    package var shortWatch = Duration.seconds(1)
    /// A watch open for this long counts as working, even without an event.
    package var steadyWatch = Duration.seconds(5)
    /// Objects per page of a list.
    package var pageSize = 500
    /// The longest delay before checking again for an unavailable resource; the first ones take
    /// seconds.
    package var longestRest = Duration.seconds(300)

    package init() {}
}

/// Selects the objects of a resource (list options in `meta/v1`).
package struct Selectors: Sendable, Hashable {
    package var label: String?
    package var field: String?
    /// Old servers answer 400 to the field selector, which is then left out.
    package var fieldIsOptional = false

    /// `proxyName` is the value of `service.kubernetes.io/service-proxy-name` to serve, empty for
    /// the default proxy.
    package init(_ resource: KubernetesResource, proxyName: String, nodeName: String) {
        switch resource {
        case .services:
            let name = "service.kubernetes.io/service-proxy-name"
            label = proxyName.isEmpty ? "!\(name)" : "\(name)=\(proxyName)"
            field = "spec.clusterIP!=None"
            fieldIsOptional = true
        case .endpointSlices: label = "!service.kubernetes.io/headless"
        case .nodes: field = "metadata.name=\(nodeName)"
        case .serviceCIDRs: break
        }
    }
}
