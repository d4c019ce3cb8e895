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

    /// What had no room for what is remembered of a socket.
    package struct Overflows: Sendable, Equatable {
        /// The kernel allows a socket no more memory (`net.core.optmem_max`), or has none.
        package var memory: UInt64 = 0
        /// A socket that is not connected sends to more than 16 frontends.
        package var flows: UInt64 = 0
        /// The table of connected UDP sockets.
        package var udpSockets: UInt64 = 0

        package init(memory: UInt64 = 0, flows: UInt64 = 0, udpSockets: UInt64 = 0) {
            self.memory = memory
            self.flows = flows
            self.udpSockets = udpSockets
        }
    }

    /// The path of the cgroup that they are attached to.
    package var cgroup: String
    /// The hooks that have Fairlead's program, sorted: `connect4`.
    package var attached: [String]
    /// By name.
    package var maps: [Map]
    /// How often a program left a socket to the packet rules because what is remembered of sockets had no room,
    /// since these maps were made.
    package var overflows = Overflows()
    /// How many cgroups are left out.
    package var excludedCgroups = 0
    /// Programs of others at the same hooks of the same cgroup, sorted: `connect4: sd_fw (id 12)`.
    package var foreign: [String]
    /// Why a part of this could not be found out.
    package var failure: String?

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
