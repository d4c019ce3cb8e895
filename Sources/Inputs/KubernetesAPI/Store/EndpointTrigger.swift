package import Addressing

/// When endpoints changed, according to their EndpointSlice (annotation
/// `endpoints.kubernetes.io/last-change-trigger-time`). A slice has one family, and a change in one
/// family says nothing about the other.
package struct EndpointTrigger: Sendable, Hashable {
    package var family: IPFamily
    package var time: APITime

    package init(family: IPFamily, time: APITime) {
        self.family = family
        self.time = time
    }
}
