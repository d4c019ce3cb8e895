package import KubernetesAPI

/// Receives the results of a reflector, in order.
package protocol ReflectorSink: Actor {
    /// Replaces all objects of the resource.
    func replace(_ resource: KubernetesResource, with objects: [APIObject])
    /// Applies changes; only events about objects.
    func apply(_ events: [WatchEvent], to resource: KubernetesResource, times: ArrivalTimes)
    func note(_ state: ResourceState, of resource: KubernetesResource)
}
