package import Addressing

/// When endpoints changed, as their EndpointSlice says (annotation
/// `endpoints.kubernetes.io/last-change-trigger-time`). A slice is of one family, and what changes
/// in one family says nothing about the other.
package struct EndpointTrigger: Sendable, Hashable {
    package var family: IPFamily
    package var time: APITime

    package init(family: IPFamily, time: APITime) {
        self.family = family
        self.time = time
    }
}
