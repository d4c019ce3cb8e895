/// The complete state of the sources at one moment, never events.
///
/// The maps of two snapshots share structure, so keeping one while the next is built copies only
/// the difference.
package struct ServiceSnapshot: Sendable, Equatable {
    /// Increases with every change of the content.
    package var revision: UInt64
    package var services: ServiceMap<Service>
    /// Slices by Service, sorted by slice name. A Service's slices may arrive before the Service.
    package var slices: ServiceMap<[EndpointSlice]>
    /// Issues of the input, sorted.
    package var issues: [ObjectIssue]

    package init(
        revision: UInt64 = 0,
        services: ServiceMap<Service> = [:],
        slices: ServiceMap<[EndpointSlice]> = [:],
        issues: [ObjectIssue] = []
    ) {
        self.revision = revision
        self.services = services
        self.slices = slices
        self.issues = issues
    }
}
