/// What decides how many connections an endpoint gets.
package enum Spreading: Sendable {
    case byWeight
    case evenly
    /// What the endpoints do meanwhile: the connections they have, for instance.
    case byLoad
}
