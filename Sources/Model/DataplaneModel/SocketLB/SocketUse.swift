/// What a family's socket programs have at their disposal, as it is in the kernel now.
package struct SocketUse: Sendable, Equatable {
    /// How full a map is.
    package struct Map: Sendable, Equatable {
        package var name: String
        package var entries: Int
        package var capacity: Int

        package init(name: String, entries: Int, capacity: Int) {
            self.name = name
            self.entries = entries
            self.capacity = capacity
        }
    }

    /// The path of the cgroup that they are attached to.
    package var cgroup: String
    /// The hooks that have Fairlead's program, sorted: `connect4`.
    package var attached: [String]
    /// By name.
    package var maps: [Map]
    /// Programs of others at the same hooks of the same cgroup, sorted: `connect4: sd_fw (id 12)`.
    package var foreign: [String]

    package init(
        cgroup: String,
        attached: [String] = [],
        maps: [Map] = [],
        foreign: [String] = []
    ) {
        self.cgroup = cgroup
        self.attached = attached
        self.maps = maps
        self.foreign = foreign
    }
}
