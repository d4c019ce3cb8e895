import Addressing
import CBPF
import CSocketLB
import DataplaneModel
import Glibc
import HostFacts

/// The embedded object with the programs and maps of one family.
// The pointer is libbpf's object, which lives as long as this and is used by one owner.
@safe struct SocketObject: ~Copyable {
    private let object: OpaquePointer
    private let family: IPFamily

    /// Reads the object; nothing is in the kernel yet.
    init(_ family: IPFamily) throws(DataplaneError) {
        // Its messages would go to the standard error output; the errors here say what failed.
        unsafe _ = libbpf_set_print(nil)
        guard let opened = unsafe bpf_object__open_mem(lb_programs(), lb_programs_size(), nil)
        else {
            throw .system("bpf_object__open_mem", "socket programs", errno)
        }
        unsafe object = opened
        self.family = family
    }

    deinit { unsafe bpf_object__close(object) }

    private func map(_ name: String) throws(DataplaneError) -> OpaquePointer {
        guard let map = unsafe bpf_object__find_map_by_name(object, name) else {
            throw .system("bpf_object__find_map_by_name", "socket programs, map \(name)", ENOENT)
        }
        return unsafe map
    }

    private func program(_ hook: SocketHook) throws(DataplaneError) -> OpaquePointer {
        guard let program = unsafe bpf_object__find_program_by_name(object, hook.program) else {
            throw .system("bpf_object__find_program_by_name", hook.program, ENOENT)
        }
        return unsafe program
    }

    /// Whether the programs can use a map that is there.
    func accepts(_ present: BPFMap, as name: SocketMapName) throws(DataplaneError) -> Bool {
        let map = unsafe try map(name.rawValue)
        return unsafe Int(bpf_map__key_size(map)) == present.keySize
            && Int(bpf_map__value_size(map)) == present.valueSize
    }

    /// Lets the programs use a map that is there.
    func reuse(_ present: BPFMap, as name: SocketMapName) throws(DataplaneError) {
        let map = unsafe try map(name.rawValue)
        let status = unsafe bpf_map__reuse_fd(map, present.number)
        guard status == 0 else { throw .system("bpf_map__reuse_fd", present.subject, -status) }
    }

    /// The size of a map that `load` makes.
    func resize(_ name: SocketMapName, to capacity: UInt32) throws(DataplaneError) {
        let map = unsafe try map(name.rawValue)
        let status = unsafe bpf_map__set_max_entries(map, capacity)
        guard status == 0 else {
            throw .system("bpf_map__set_max_entries", "map \(name.rawValue)", -status)
        }
    }

    /// Makes the maps and loads the programs; the kernel checks them.
    ///
    /// - Throws: `.notPermitted` without CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN; with what the kernel's verifier last said if
    ///   it refuses a program.
    func load(_ hooks: [SocketHook]) throws(DataplaneError) {
        let names = Set(hooks.map(\.program))
        for hook in SocketHook.all(.ipv4) + SocketHook.all(.ipv6) {
            let program = unsafe try program(hook)
            unsafe _ = bpf_program__set_autoload(program, names.contains(hook.program))
        }
        var canRefuse = SocketFeatures.canRefuse
        let constants = unsafe try map(".rodata")
        let status = unsafe bpf_map__set_initial_value(
            constants,
            &canRefuse,
            MemoryLayout.size(ofValue: canRefuse)
        )
        guard status == 0 else { throw .system("bpf_map__set_initial_value", "constants", -status) }
        let loaded = unsafe bpf_object__load(object)
        guard loaded == 0 else {
            throw .loading("bpf_object__load", "\(family.rawValue) socket programs", -loaded)
        }
    }

    /// After `load`; valid as long as this is.
    func descriptor(of hook: SocketHook) throws(DataplaneError) -> Int32 {
        let program = unsafe try program(hook)
        return unsafe bpf_program__fd(program)
    }

    /// After `load`, one with an owner of its own.
    func descriptor(of name: SocketMapName) throws(DataplaneError) -> Int32 {
        let map = unsafe try map(name.rawValue)
        let number = unsafe fcntl(bpf_map__fd(map), F_DUPFD_CLOEXEC, 0)
        guard number >= 0 else { throw .system("fcntl", "map \(name.rawValue)", errno) }
        return number
    }
}

/// What kernels have or lack.
package enum SocketFeatures {
    /// Whether a program may fail `connect()` with ECONNREFUSED; since 5.18.
    package static let canRefuse =
        libbpf_probe_bpf_helper(BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_FUNC_set_retval, nil) == 1
}

extension DataplaneError {
    /// A failure to make or load something, with what to do about it.
    static func loading(_ operation: String, _ subject: String, _ errno: Int32) -> DataplaneError {
        let error = DataplaneError.system(operation, subject, errno)
        switch errno {
        case EPERM, EACCES:
            return error.explained(
                as: .notPermitted,
                "not permitted; CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN are needed (before Linux 5.11 also CAP_SYS_RESOURCE)"
            )
        case ENOSYS, EINVAL, EOPNOTSUPP:
            return error.explained(
                as: .unsupported,
                "\(DataplaneError.systemMessage(errno)); Linux 5.8 with CONFIG_BPF_SYSCALL and CONFIG_CGROUP_BPF is needed"
            )
        default: return error
        }
    }
}
