/// How connections are spread over endpoints.
package enum Spreading: Sendable {
    case byWeight
    case evenly
    /// By the load of the endpoints, for instance the connections that they have.
    case byLoad
}
