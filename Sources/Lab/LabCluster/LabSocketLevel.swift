import Foundation
import NamespaceLab
import SystemCalls

/// Where the socket levels of a lab's nodes are: a cgroup for each node, whose programs serve the clients in it and
/// nobody else, and a bpf file system to pin them in. Both are mounted in the lab's directory, as `ip netns exec`
/// gives its program another /sys.
struct LabSocketLevel {
    private let lab: String
    /// The lab's cgroup alone, and not the whole hierarchy.
    private let cgroups: String
    private let pins: String

    init(_ shape: LabShape, in directory: String) {
        self.init(name: shape.name, in: directory)
    }

    private init(name: String, in directory: String) {
        lab = "fairlead-lab-\(name)"
        cgroups = "\(directory)/cgroup"
        pins = "\(directory)/bpf"
    }

    func cgroup(ofNode node: Int) -> String { "\(cgroups)/node\(node)" }

    /// Lines of the configuration of a node's daemon.
    func configuration(ofNode node: Int, isOn: Bool) -> String {
        """
        socketLB:
          scope: \(isOn ? "all" : "off")
          protocols: [TCP, UDP]
          cgroup: \(cgroup(ofNode: node))
          bpfDirectory: \(pins)/node\(node)

        """
    }

    // MARK: - Mounts

    /// Makes what is not there yet. Throws the kernel's refusal.
    func make(_ nodes: ClosedRange<Int>) throws(LabError) {
        let isMade = FileManager.default.fileExists(atPath: cgroup(ofNode: nodes.lowerBound))
        guard !isMade else { return }
        for place in [cgroups, pins] { try Self.makeDirectory(place) }
        // One that is mounted is not mounted once more: options of the last mount count for all.
        if UnifiedHierarchy.mountPoint() == nil { try Self.mount("cgroup2", cgroups) }
        let own = "\(UnifiedHierarchy.mountPoint() ?? cgroups)/\(lab)"
        try Self.makeDirectory(own)
        try Self.mount(own, cgroups, UInt(MS_BIND))
        for node in nodes { try Self.makeDirectory(cgroup(ofNode: node)) }
        try Self.mount("bpf", pins)
    }

    /// Removes the mounts and cgroups of a lab whose processes have ended: before its directory is removed, as what is
    /// mounted there is the kernel's. Throws if a cgroup cannot be removed.
    static func remove(_ name: String, in directory: String) throws(LabError) {
        let level = LabSocketLevel(name: name, in: directory)
        unmount(level.pins)
        // Below it there may be that of the hierarchy.
        umount2(level.cgroups, Int32(MNT_DETACH))
        if let hierarchy = UnifiedHierarchy.mountPoint() {
            let own = "\(hierarchy)/\(level.lab)"
            try removeCgroups((1...LabShape.nodeLimit).map { "\(own)/node\($0)" } + [own])
        }
        unmount(level.cgroups)
    }

    private static func makeDirectory(_ path: String) throws(LabError) {
        guard mkdir(path, 0o755) == 0 || errno == EEXIST else {
            throw LabError("\(path): cannot be made: \(String(cString: strerror(errno)))")
        }
    }

    /// A file system of that kind, or with MS_BIND a directory.
    private static func mount(
        _ what: String,
        _ place: String,
        _ flags: UInt = 0
    ) throws(LabError) {
        let kind = flags == 0 ? what : "none"
        guard Glibc.mount(what, place, kind, flags, nil) == 0 else {
            throw LabError("mount \(what) at \(place): \(String(cString: strerror(errno)))")
        }
    }

    /// All that is mounted there, one on the other.
    private static func unmount(_ place: String) {
        while umount2(place, Int32(MNT_DETACH)) == 0 {}
    }

    /// The kernel still counts a process as there for a moment after its end.
    private static func removeCgroups(_ paths: [String]) throws(LabError) {
        let deadline = Deadline(in: .seconds(5))
        for path in paths {
            while rmdir(path) != 0, errno != ENOENT {
                guard errno == EBUSY, !deadline.hasPassed else {
                    throw LabError(
                        "\(path): cannot be removed: \(String(cString: strerror(errno)))"
                    )
                }
                usleep(10_000)
            }
        }
    }
}

// MARK: - Switching

extension LabCluster {
    var socketLevel: LabSocketLevel { LabSocketLevel(shape, in: home.directory) }

    /// Switches the socket level of all nodes on or off, and waits until their kernels have it, or nothing of it.
    /// Throws if that does not happen in time, and if the kernel has no cgroup v2 or bpf file system.
    func setSocketLevel(isOn: Bool, progress: (String) -> Void) throws(LabError) {
        if isOn { try socketLevel.make(shape.nodeNumbers) }
        let mode = mode
        for node in shape.nodeNumbers {
            try home.write(
                configuration(node, mode: mode, hasSockets: isOn),
                to: "node\(node).yaml"
            )
            NamespaceProcesses([shape.node(node)], running: [fairlead, "run"]).signal(SIGHUP)
        }
        // Also finds what is left once it is off.
        try waitUntilApplied(by: ["verify"], progress: progress)
    }
}
