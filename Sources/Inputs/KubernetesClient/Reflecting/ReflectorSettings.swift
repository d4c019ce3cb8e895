package import KubernetesAPI

/// How one resource is followed.
package struct ReflectorSettings: Sendable {
    /// The server ends a watch after a random time within this range, in seconds.
    package var watchSeconds = 300...600
    /// How long a server may be late in doing so.
    package var watchSlack = Duration.seconds(30)
    /// How long nothing may come of a list.
    package var listIdleLimit = Duration.seconds(30)
    /// A watch that ends sooner without an event has failed.
    package var shortWatch = Duration.seconds(1)
    /// A watch that has stood for so long works, though it brings nothing.
    package var steadyWatch = Duration.seconds(5)
    /// Objects on one page of a list.
    package var pageSize = 500
    /// The longest pause before looking again for a resource that is not there; the first ones are
    /// of seconds.
    package var longestRest = Duration.seconds(300)

    package init() {}
}

/// Which objects of a resource to ask for (spec of the list options in `meta/v1`).
package struct Selectors: Sendable, Hashable {
    package var label: String?
    package var field: String?
    /// Old servers answer 400 to the field selector; it then has to be done without.
    package var fieldIsOptional = false

    /// `proxyName` is our `service.kubernetes.io/service-proxy-name`, empty for the default proxy.
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
