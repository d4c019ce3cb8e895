package import KubernetesAPI

/// Takes what a reflector learns, in order.
package protocol ReflectorSink: Actor {
    /// These are all objects of the resource.
    func replace(_ resource: KubernetesResource, with objects: [APIObject])
    /// These changed; only events about objects.
    func apply(_ events: [WatchEvent], to resource: KubernetesResource)
    func note(_ state: ResourceState, of resource: KubernetesResource)
}
