/// Says after each check of paths whether the next one may wait for events.
///
/// Events begin with one check and count from the next one on, which sees what came before them.
package struct PathCheck: Sendable {
    private var paths: Set<String> = []
    private var events: PathEvents?

    package init() {}

    /// The descriptor of the paths' events, of which there has been none since before this check. Nil if the
    /// next check must come soon: there were some, or could be changes without.
    package mutating func rest(after paths: Set<String>) -> Int32? {
        if paths == self.paths, let events, !events.hasNews { return events.descriptor }
        (self.paths, events) = (paths, PathEvents(paths))
        return nil
    }

    /// The next check must come soon.
    package mutating func end() { events = nil }
}
