import Addressing
import CIPTables
import Dataplane
import DataplaneModel
import Glibc
import Planning
import ServiceModel
import SocketLB

/// Fairlead's socket level as its daemon runs it: one family, in this thread's network namespace, with programs in a
/// cgroup of the benchmark's own and pins that end with this process.
struct SocketTables {
    /// What one change took.
    struct Change {
        var cost: Cost
        var operations: Int
    }

    private let store: SocketStore
    private var reconciler: FamilyReconciler<SocketPlanner, SocketStore>
    private var snapshot = ServiceSnapshot(revision: 0)

    static let settings: PlannerSettings = {
        var settings = FairleadTables.settings
        settings.socketLB = SocketLBSettings(protocols: [.tcp, .udp])
        return settings
    }()

    /// The cgroup must be there.
    init(_ cgroup: Cgroup) throws {
        let place = SocketPlace(
            cgroup: cgroup.path,
            directory: try Self.mountedDirectory(),
            scope: .all,
            transports: [.tcp, .udp]
        )
        store = SocketStore(family: .ipv4, place: place)
        reconciler = FamilyReconciler(
            desired: DesiredState(family: .ipv4, settings: Self.settings),
            planner: SocketPlanner(family: .ipv4, settings: Self.settings),
            store: store
        )
    }

    /// Selecting, planning, reading what is there, loading programs and writing all of `update`.
    mutating func program(_ update: SnapshotUpdate) throws -> Cost {
        snapshot = update.snapshot
        let (cost, report) = try Cost.of { try reconciler.pass(update, observe: true) }
        try requireSuccess(report.apply)
        return cost
    }

    /// The same when all is there already: nothing is written.
    mutating func programAgain() throws -> Cost {
        let update = SnapshotUpdate(snapshot: snapshot, changed: .all)
        let (cost, report) = try Cost.of { try reconciler.pass(update, observe: true) }
        guard report.apply.operations == 0, report.drift == 0 else {
            throw BenchFailure("what is there was written again")
        }
        return cost
    }

    /// One endpoint that goes or comes back, from the input to the kernel's maps.
    mutating func change(_ workload: Workload, step: Int) throws -> Change {
        let update = workload.change(of: snapshot, step: step)
        snapshot = update.snapshot
        let (cost, report) = try Cost.of { try reconciler.pass(update, observe: false) }
        try requireSuccess(report.apply)
        return Change(cost: cost, operations: report.apply.operations)
    }

    /// How many sockets were left to packet rules for lack of room.
    func overflows() throws -> UInt64 {
        let found = try store.use().overflows
        return found.memory + found.flows + found.udpSockets
    }

    /// Detaches the programs, and lets go of the maps.
    func remove() throws { _ = try SocketStore.removeAll(directory: store.place.directory) }

    /// A bpf file system in a mount namespace that ends with this process.
    private static func mountedDirectory() throws -> String {
        let place = "/sys/fs/bpf"
        let isPrivate = UInt(MS_REC | MS_PRIVATE)
        guard unshare(0x2_0000) == 0,  // CLONE_NEWNS
            mount(nil, "/", nil, isPrivate, nil) == 0,
            mount("bpf", place, "bpf", 0, "mode=0700") == 0
        else { throw BenchFailure.system("mount a bpf file system at \(place)") }
        return "\(place)/fairlead"
    }
}

/// A cgroup of the benchmark's own, below that of the machine; removed with this.
final class Cgroup {
    let path: String

    /// `name` must be unique on this machine.
    init(_ name: String) throws {
        path = "\(try Self.root())/fairlead-bench-\(getpid())-\(name)"
        guard mkdir(path, 0o755) == 0 else { throw BenchFailure.system("mkdir \(path)") }
    }

    /// One that another process has made and removes.
    init(at path: String) { self.path = path }

    /// Moves this process there for good.
    func enter() throws {
        let file = open("\(path)/cgroup.procs", O_WRONLY)
        guard file >= 0 else { throw BenchFailure.system("\(path)/cgroup.procs") }
        defer { close(file) }
        let id = Array("\(getpid())".utf8)
        guard write(file, id, id.count) == id.count else {
            throw BenchFailure.system("\(path)/cgroup.procs")
        }
    }

    func remove() { rmdir(path) }

    private static func root() throws -> String {
        let file = open("/proc/self/mounts", O_RDONLY)
        guard file >= 0 else { throw BenchFailure.system("/proc/self/mounts") }
        defer { close(file) }
        for line in Pipe.readAll(file).split(separator: "\n") {
            let words = line.split(separator: " ")
            if words.count > 2, words[2] == "cgroup2" { return String(words[1]) }
        }
        throw BenchFailure("cgroup v2 is not mounted")
    }
}
